// How the page looks. Colors are Okabe and Ito's ("Color Universal Design", 2008), darkened or lightened
// until text in them has a contrast of 4.5 to its ground.
#include "audit/report/page.h"

namespace isobatch::audit {

const std::string_view kStyle = R"css(
:root{color-scheme:light dark;
 --ground:#fff;--raised:#f7f7f5;--ink:#1b1d1f;--soft:#5b6167;--rule:#d9dbdc;--grid:#e9eaeb;
 --s0:#0067a3;--s1:#b34700;--s2:#00704f;--s3:#9c3a73;--s4:#7a5c00;--s5:#4b5863;
 --good:#0067a3;--warn:#8a5200;--bad:#a8201a;--mark:#ffe08a;--mark-ink:#1b1d1f;--region:#f3ece0;--ghost:#d4d7da}
@media screen and (prefers-color-scheme:dark){:root{
 --ground:#16181a;--raised:#1e2124;--ink:#e6e7e8;--soft:#a3a9af;--rule:#3a3f44;--grid:#2a2e32;
 --s0:#62b5ea;--s1:#f39a5c;--s2:#45c39a;--s3:#e595c1;--s4:#dbb84a;--s5:#b3bec8;
 --good:#62b5ea;--warn:#f0b35c;--bad:#ff8f87;--mark:#6b5200;--mark-ink:#fff;--region:#2b261d;--ghost:#4a5056}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);line-height:1.55;font-size:1rem;
 font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif;
 font-variant-numeric:tabular-nums lining-nums;overflow-wrap:break-word}
header,main,footer{max-width:60rem;margin:0 auto;padding:0 1rem}
header{padding-top:2.5rem}
main{padding-bottom:4rem}
h1{font-size:1.9rem;line-height:1.2;font-weight:650;letter-spacing:-.012em;margin:0 0 .4rem}
h2{font-size:1.25rem;line-height:1.3;font-weight:650;margin:3.5rem 0 .6rem;padding-top:.7rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;line-height:1.35;font-weight:650;margin:0 0 .3rem}
p,ul{margin:.5rem 0;max-width:44rem}
ul{padding-left:1.2rem}
.soft,figcaption{color:var(--soft)}
.soft{font-size:.94rem}
.scroll:focus-visible{outline:2px solid var(--good);outline-offset:2px}
.engine{margin:1.6rem 0 2.2rem}
.engine h3 small{font-weight:400;color:var(--soft);font-size:.9rem}
.verdict{border-left:3px solid var(--soft);padding:.1rem 0 .1rem 1rem;margin:.8rem 0}
.verdict.good{border-color:var(--good)}.verdict.warn{border-color:var(--warn)}.verdict.bad{border-color:var(--bad)}
.kind{font-size:.86rem;font-weight:650;letter-spacing:.01em;margin:0}
.good .kind{color:var(--good)}.warn .kind{color:var(--warn)}.bad .kind{color:var(--bad)}
.sentence{font-size:1.2rem;line-height:1.4;margin:.15rem 0 .5rem}
.verdict ul{font-size:.94rem;color:var(--soft)}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.9rem;line-height:1.4}
caption{text-align:left;color:var(--soft);padding-bottom:.5rem}
th,td{text-align:left;vertical-align:top;padding:.4rem 1.1rem .4rem 0}
thead th{vertical-align:bottom;border-bottom:1px solid var(--ink);font-weight:650}
tbody th{font-weight:400}
tbody tr:last-child>*{border-bottom:1px solid var(--grid)}
tbody .factor th{font-weight:650;padding-top:.8rem;padding-bottom:.1rem}
tbody .factor small{font-weight:400;color:var(--soft);font-size:.86rem}
tbody .part th{padding-top:1.8rem;color:var(--soft);border-bottom:1px solid var(--rule)}
.overview tbody tr:not(.factor):not(.part) th{min-width:8rem}
.overview td{min-width:5.6rem}
.outcome{display:flex;flex-wrap:wrap;align-items:center;column-gap:.8rem}
.outcome b{font-weight:400;min-width:4.2rem;white-space:nowrap}
.outcome small{min-width:4.4rem;white-space:nowrap}
.measures td,.measures thead th{white-space:nowrap}
.measures tbody tr:not(.factor):not(.part) th{min-width:11rem}
td small,td .notes{display:block;color:var(--soft);font-size:.82rem}
.wide{width:max-content;min-width:100%;max-width:min(84rem,calc(100vw - 2rem));margin-left:50%;transform:translateX(-50%)}
@media (min-width:50rem){.few td{min-width:17.5rem}.many td{min-width:10rem}}
td .notes{color:var(--ink)}
.none{color:var(--soft)}
.equal{color:var(--good)}
.failed{color:var(--bad);font-weight:650}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(19.5rem,100%),1fr));gap:2.4rem 2.5rem;align-items:start;margin:1.5rem 0}
figure{margin:0;min-width:0}
figure:has(svg+svg){grid-column:1/-1}
figcaption{font-size:.86rem;line-height:1.45;margin-bottom:.7rem;max-width:34rem}
figcaption b{display:block;color:var(--ink);font-size:.98rem;font-weight:650}
.drawings{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(19.5rem,100%),1fr));gap:1.5rem 2.5rem}
figure svg{display:block;width:100%;max-width:28rem;height:auto;overflow:visible}
svg text{font-size:11px;fill:var(--soft);font-family:inherit}
svg .name{fill:var(--soft)}svg .strong{fill:var(--ink);font-weight:600}svg .faint{fill:var(--soft)}
svg .label{fill:currentColor;font-weight:600}
svg .axis{stroke:var(--soft);stroke-width:1}svg .grid{stroke:var(--grid);stroke-width:1}
svg .series{fill:none;stroke:currentColor;stroke-width:1.75;stroke-linejoin:round}
svg .dashed{stroke-dasharray:4 3}
svg .whisker{stroke:currentColor;stroke-width:1.5;opacity:.6}
svg .leader{stroke:currentColor;stroke-width:.75;opacity:.6}
svg .dot{fill:currentColor;stroke:var(--ground);stroke-width:1}
svg .open{fill:var(--ground);stroke:currentColor;stroke-width:1.5}
svg .cloud{fill:currentColor;opacity:.45}
svg .flip{fill:var(--bad);stroke:var(--ground);stroke-width:.8}
svg .region{fill:var(--region)}
svg .first{fill:none;stroke:var(--ink);stroke-width:1.5}
svg .jump{fill:none;stroke:var(--bad);stroke-width:2}
svg .ghost{fill:var(--ghost);opacity:.75}svg .ghost-mark{fill:var(--soft)}
svg .outline{fill:none;stroke:currentColor;stroke-width:1.5;stroke-linejoin:round}svg .solid{fill:currentColor}
.glyph{display:block;width:6rem;height:.75rem}
.glyph .axis{stroke:var(--rule)}.glyph .whisker{stroke-width:2.5;opacity:.5}
.s0{color:var(--s0)}.s1{color:var(--s1)}.s2{color:var(--s2)}.s3{color:var(--s3)}.s4{color:var(--s4)}.s5{color:var(--s5)}
.example{margin:1.6rem 0;break-inside:avoid}
.example .ask{max-width:none;margin:0 0 .5rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(17rem,100%),1fr));gap:.7rem 1.2rem}
.pair>div{background:var(--raised);padding:.6rem .8rem;min-width:0;border-radius:3px}
.pair small{display:block;color:var(--soft)}
.said{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;font-size:.94rem}
mark{background:var(--mark);color:var(--mark-ink);padding:0 .1em;border-radius:2px}
mark.end{font-style:italic;margin-left:.35em}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) minmax(0,1fr);gap:.25rem 1.2rem;font-size:.9rem;margin:.8rem 0 1.8rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font-size:.86rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
footer{padding-top:1.5rem;padding-bottom:2.5rem;color:var(--soft);font-size:.86rem}
@media (max-width:34rem){header{padding-top:1.5rem}h1{font-size:1.5rem}.sentence{font-size:1.08rem}
 dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}}
@media print{@page{margin:15mm}html{font-size:9.5pt}header,main,footer{max-width:none;padding-left:0;padding-right:0}
 h2,h3,.factor,.part,figcaption{break-after:avoid}figure,.verdict,tr{break-inside:avoid}
 .scroll{overflow:visible}.wide{width:auto;max-width:none;margin-left:0;transform:none}
 .many,.measures{font-size:.72rem}.many th,.many td,.measures th,.measures td{padding-right:.6rem}
 .many td,.measures td{min-width:0!important}.many th,.measures th{min-width:0!important}
 .measures td,.measures thead th{white-space:normal}
 *{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)css";

}  // namespace isobatch::audit
