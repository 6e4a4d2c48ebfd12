// Schemas of many kinds, for tests of what comes out of them.
#pragma once

namespace isobatch::test {

inline constexpr const char* kSchemas[] = {
    R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":130}},)"
    R"("required":["name","age"],"additionalProperties":false})",
    R"({"type":"object","properties":{"a":{"type":"boolean"},"b":{"type":"null"},"c":{"enum":["x","y\n",3,[1,{"k":2}]]}}})",
    R"({"type":"array","items":{"type":"number"},"minItems":2,"maxItems":4})",
    R"({"type":"array","prefixItems":[{"type":"string","maxLength":3},{"const":"t"}],"items":{"type":"integer"},"minItems":1})",
    R"({"type":"string","minLength":2,"maxLength":5})",
    R"({"type":"string","pattern":"^[a-z]+-[0-9]{2,4}$","maxLength":12})",
    R"({"type":"string","pattern":"q[\"\\\\]"})",
    R"({"type":["integer","null"],"exclusiveMinimum":-1000,"exclusiveMaximum":7})",
    R"({"type":"number","minimum":-2.5,"maximum":0.125})",
    R"({"anyOf":[{"type":"string","maxLength":4},{"type":"object","properties":{"v":{"type":"integer"}},"required":["v"]}]})",
    R"({"oneOf":[{"type":"object","properties":{"kind":{"const":"a"},"n":{"type":"integer"}},"required":["kind","n"]},)"
    R"({"type":"object","properties":{"kind":{"const":"b"}},"required":["kind"]}]})",
    R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer","minimum":3}},"required":["a"]},)"
    R"({"properties":{"a":{"maximum":9},"b":{"type":"string","maxLength":2}},"required":["b"]}]})",
    R"({"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"v":{"type":"integer"},)"
    R"("left":{"$ref":"#/$defs/tree"},"kids":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["v"]}}})",
    R"({"type":"object","properties":{"id":{"type":"integer"}},"required":["id"],"additionalProperties":{"type":"boolean"}})",
    R"({"type":"object","additionalProperties":{"type":"array","items":{"type":"null"}}})",
    R"({"type":"object"})",
    R"({"type":"object","required":["must"]})",
    R"({"properties":{"s":{"$ref":"#/definitions/short","minLength":1}},"definitions":{"short":{"type":"string","maxLength":3}}})",
    R"({"title":"t","description":"d","type":"object","properties":{"p01":{"type":"null"},"p02":{"type":"null"},)"
    R"("p03":{"type":"null"},"p04":{"type":"null"},"p05":{"type":"null"},"p06":{"type":"null"},"p07":{"type":"null"},)"
    R"("p08":{"type":"null"},"p09":{"type":"null"},"p10":{"type":"null"},"p11":{"type":"null"},"p12":{"type":"null"},)"
    R"("p13":{"type":"null"},"p14":{"type":"null"},"p15":{"type":"null"},"p16":{"type":"null"},"p17":{"type":"null"},)"
    R"("p18":{"type":"null"}},"required":["p09"]})",
    R"({"type":"string","format":"date-time"})",
    R"({"type":"string","format":"uuid"})",
    R"({"type":"string","format":"ipv4"})",
    R"({"const":{"a":[],"b":{},"c":[true,null,-1.5]}})",
    R"(true)",
};

}  // namespace isobatch::test
