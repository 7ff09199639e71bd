/**
 * The API, as it describes itself in OpenAPI: Swagger UI's page, with its files from this server.
 *
 * It asks with what the browser has: the session of the dashboard, or the token that the browser asked for.
 */

/** @type {any} */ (globalThis).SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
});
