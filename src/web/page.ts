// Plain HTML pages: no script, no style from elsewhere, everything that is shown escaped.

import type { Context } from "hono";

const STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}" +
  "code,pre{font-family:ui-monospace,monospace}pre{overflow-x:auto}dt{font-weight:600}";

/** Whether the client would rather have a page than JSON. */
export function wantsPage(c: Context): boolean {
  const accept = c.req.header("accept") ?? "";
  const html = accept.indexOf("text/html"), json = accept.indexOf("application/json");
  return html >= 0 && (json < 0 || html < json);
}

/** A text as HTML shows it. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** A page. `body` is HTML, its texts escaped already. */
export function page(title: string, body: string): Response {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${body}
</body>
</html>
`;
  const headers = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  };
  return new Response(html, { headers });
}
