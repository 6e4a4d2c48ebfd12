// Logits of every position of a token sequence, as raw f32 [positions][vocab]: what tools/quality compares
// with Hugging Face. Usage: isobatch_dump_logits -m MODEL --tokens IDS.txt -o LOGITS.f32
//                      [--dtype native|native8|f32|bf16|f16] [--kv-dtype f32|f16|bf16|q8_0] [--threads N]
//                      [--kernels NAME]
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <numeric>

#include "base/arena.h"
#include "formats/gguf.h"
#include "formats/hf_directory.h"
#include "isobatch/error.h"
#include "model/transformer.h"

namespace {

using namespace isobatch;

void dump(const std::string& model_path, const std::string& tokens_path, const std::string& out_path,
          Semantics semantics, int threads, const std::string& kernels) {
  std::unique_ptr<formats::ModelFile> file;
  if (std::filesystem::is_directory(model_path)) {
    file = std::make_unique<formats::HfDirectory>(model_path);
  } else {
    file = std::make_unique<formats::GgufFile>(formats::GgufFile::open(model_path));
  }
  const auto transformer = model::load_transformer(*file, semantics, {});
  std::ifstream in(tokens_path);
  std::vector<TokenId> tokens{std::istream_iterator<TokenId>(in), {}};
  if (tokens.empty()) throw Error(ErrorCode::invalid_argument, tokens_path + ": no token ids");

  const kernels::KvLayout layout = transformer->kv_layout(*semantics.kv_dtype, kernels::kKeyBlock);
  std::vector<std::int32_t> pages(tokens.size() / layout.page_size + 1);
  std::iota(pages.begin(), pages.end(), 0);
  Arena memory(pages.size() * layout.page_bytes());
  ThreadPool pool(threads > 0 ? threads : available_cpus());
  const auto workspace = model::make_workspace();
  const model::Execution execution{*kernels::choose_table(kernels).table, pool, *workspace};

  constexpr int kChunk = 256;
  const int vocab = transformer->info().vocab_size;
  std::vector<float> logits(static_cast<std::size_t>(kChunk) * vocab);
  std::ofstream out(out_path, std::ios::binary);
  for (int begin = 0; begin < static_cast<int>(tokens.size()); begin += kChunk) {
    const int rows = std::min<int>(kChunk, tokens.size() - begin);
    std::vector<std::int32_t> positions(rows), all_rows(rows);
    std::iota(positions.begin(), positions.end(), begin);
    std::iota(all_rows.begin(), all_rows.end(), 0);
    const model::Segment segment{0, rows, begin, pages};
    transformer->forward({std::span(tokens).subspan(begin, rows), positions, {&segment, 1}, all_rows},
                         {memory.data(), layout}, execution, logits.data());
    out.write(reinterpret_cast<const char*>(logits.data()), sizeof(float) * rows * vocab);
  }
  out.close();
  if (!out) throw Error(ErrorCode::io, out_path + ": could not be written");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Writes the logits of every position of a token sequence."};
  std::string model, tokens, out, dtype = "native", kv_dtype, kernels = "auto";
  int threads = 0;
  app.add_option("-m,--model", model)->required();
  app.add_option("--tokens", tokens)->required();
  app.add_option("-o", out)->required();
  app.add_option("--dtype", dtype)->check(CLI::IsMember({"native", "native8", "f32", "bf16", "f16"}));
  app.add_option("--kv-dtype", kv_dtype)->check(CLI::IsMember({"f32", "f16", "bf16", "q8_0"}));
  app.add_option("--threads", threads);
  app.add_option("--kernels", kernels);
  CLI11_PARSE(app, argc, argv);
  try {
    isobatch::Semantics semantics;
    if (dtype == "f32") semantics.dtype = isobatch::DType::f32;
    if (dtype == "native8") semantics.dtype = isobatch::DType::native8;
    if (dtype == "bf16") semantics.dtype = isobatch::DType::bf16;
    if (dtype == "f16") semantics.dtype = isobatch::DType::f16;
    if (kv_dtype == "f32") semantics.kv_dtype = isobatch::KvDType::f32;
    if (kv_dtype == "f16") semantics.kv_dtype = isobatch::KvDType::f16;
    if (kv_dtype == "bf16") semantics.kv_dtype = isobatch::KvDType::bf16;
    if (kv_dtype == "q8_0") semantics.kv_dtype = isobatch::KvDType::q8_0;
    dump(model, tokens, out, semantics, threads, kernels);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
