// The files of Swagger UI, out of its npm package: no network is asked for them at run time. They are imported as texts, so that they are in
// a compiled program too, and only when they are first asked for, as nobody else needs two megabytes of them.

/** What each file is served as. */
export const docsFileTypes = {
  "swagger-ui.css": "text/css",
  "swagger-ui-bundle.js": "text/javascript",
  "docs.js": "text/javascript",
} as const;
export type DocsFile = keyof typeof docsFileTypes;
export const docsFiles = Object.keys(docsFileTypes) as [DocsFile, ...DocsFile[]];

/** Sets Swagger UI up. A file of its own, as the page's policy lets no script stand in the page. */
const SET_UP = `SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: false,
  presets: [SwaggerUIBundle.presets.apis],
});
`;

/** The text of a file. */
export async function docsText(file: DocsFile): Promise<string> {
  switch (file) {
    case "swagger-ui.css":
      return (await import("swagger-ui-dist/swagger-ui.css", { with: { type: "text" } })).default;
    case "swagger-ui-bundle.js":
      return (await import("swagger-ui-dist/swagger-ui-bundle.js", { with: { type: "text" } })).default as unknown as string;
    case "docs.js":
      return SET_UP;
  }
}

/** Lets in what is served here, and nothing from elsewhere. Swagger UI writes styles into its elements, and draws its signs as data. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The page that Swagger UI is shown in. */
export function docsPage(): Response {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Clickstream Guardian: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<noscript><p>This page needs JavaScript; <a href="/redoc">the same without it</a>.</p></noscript>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/docs.js"></script>
</body>
</html>
`;
  return new Response(html, { headers: { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY } });
}
