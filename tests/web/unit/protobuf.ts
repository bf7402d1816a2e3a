/** What tests make messages and options with: the package that the page's own modules find beside them. */

export {
  create,
  fromBinary,
  setExtension,
  toBinary,
} from "../../../src/authsvc/web/node_modules/@bufbuild/protobuf/dist/esm/index.js";
export {
  MethodDescriptorProtoSchema,
  MethodOptionsSchema,
} from "../../../src/authsvc/web/node_modules/@bufbuild/protobuf/dist/esm/wkt/index.js";
