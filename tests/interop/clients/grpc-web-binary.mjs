// grpc-web in binary mode: gRPC-Web, `application/grpc-web+proto`.

import { connect } from "./lib/grpc-web.mjs";
import { report } from "./lib/report.mjs";

await report(connect("binary"));
