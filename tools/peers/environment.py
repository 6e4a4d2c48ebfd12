"""The virtual environment that holds the peers, with pinned versions; made once."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from . import machine

REQUIREMENTS = """\
openvino-genai==2026.4.1.0
openvino-tokenizers==2026.4.1.0
openvino==2026.4.1
numpy==2.4.6
gguf==0.19.0
jinja2==3.1.6
tokenizers==0.23.3
diskcache==5.6.3
typing-extensions==4.16.0
"""
LLAMA = "llama-cpp-python==0.3.36"
AMX = ("tile", "int8", "bf16")
AVX2 = ("SSE42", "AVX", "AVX2", "FMA", "F16C", "BMI2")


def llama_folder(folder, build):
    return Path(folder) / f"llama.cpp-{build}"


def llama_flags(build):
    """-march=native may leave AMX off, and with GGML_NATIVE llama.cpp ignores its own GGML_AMX_ options."""
    if not machine.has_amx():
        return ""
    flags = [f"-m{'no-' if build == 'no-amx' else ''}amx-{part}" for part in AMX]
    return " ".join(flags + ["-mavx512f", "-mavx512vnni"])


def build_llama(python, folder, build):
    target = llama_folder(folder, build)
    if target.exists():
        return
    print(f"compare_peers: building {LLAMA} ({build}) with clang; takes minutes", flush=True)
    cmake = ["-DLLAVA_BUILD=OFF", f"-DGGML_NATIVE={'OFF' if build == 'avx2' else 'ON'}"]
    if build == "avx2":
        cmake += [f"-DGGML_{extension}=ON" for extension in AVX2]
    elif flags := llama_flags(build):
        cmake += [f"-DCMAKE_C_FLAGS='{flags}'", f"-DCMAKE_CXX_FLAGS='{flags}'"]
    # The AMX code crashes when gcc 12 compiled it.
    settings = {**os.environ, "CC": "clang", "CXX": "clang++", "CMAKE_ARGS": " ".join(cmake)}
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-cache-dir"]
    command += ["--no-binary", "llama-cpp-python", "--target", str(partial), LLAMA]
    subprocess.run(command, check=True, env=settings)
    partial.rename(target)


def enter(root, folder, llama_builds, script):
    """Makes what is missing in `folder`, and goes on in its Python: does not return the first time."""
    if Path(sys.prefix).resolve() == Path(folder).resolve():
        return
    subprocess.run([str(root / "tools" / "setup.sh"), "peers"], check=True)
    python = str(folder / "bin" / "python")
    if not Path(python).exists():
        venv.create(folder, with_pip=True)
    installed = folder / "requirements.txt"
    if not installed.exists() or installed.read_text() != REQUIREMENTS:
        print("compare_peers: installing OpenVINO GenAI and tools", flush=True)
        wanted = folder / "requirements.wanted.txt"
        wanted.write_text(REQUIREMENTS)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", str(wanted)], check=True)
        wanted.rename(installed)
    for build in llama_builds:
        build_llama(python, folder, build)
    os.execv(python, [python, str(script), *sys.argv[1:]])
