// grpc-web as generated stubs use it by default: gRPC-Web, base64.

import { connect } from "./lib/grpc-web.mjs";
import { report } from "./lib/report.mjs";

await report(connect("text"));
