// Swagger UI on this API's own document.
"use strict";

SwaggerUIBundle({
  url: new URL("openapi.json", new URL(".", window.location.href)).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  validatorUrl: null,
});
