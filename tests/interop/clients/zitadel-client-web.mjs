// ZITADEL's client for browsers, @zitadel/client/web: gRPC-Web, binary.

import { createAuthServiceClient } from "@zitadel/client/v1";
import { createClientTransport } from "@zitadel/client/web";
import { calls } from "./lib/es.mjs";
import { report } from "./lib/report.mjs";

await report((baseUrl, token) => calls(createAuthServiceClient(createClientTransport(token, { baseUrl }))));
