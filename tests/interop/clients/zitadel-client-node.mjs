// ZITADEL's client for servers, @zitadel/client/node: native gRPC on Node's own HTTP/2.

import { createServerTransport } from "@zitadel/client/node";
import { createAuthServiceClient } from "@zitadel/client/v1";
import { calls } from "./lib/es.mjs";
import { report } from "./lib/report.mjs";

await report((baseUrl, token) => calls(createAuthServiceClient(createServerTransport(token, { baseUrl }))));
