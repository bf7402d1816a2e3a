// Prints the descriptors inside @zitadel/proto as JSON: by file name, the base64 of a FileDescriptorProto.
// Arguments: the names of the files.

// The packages belong to a neighbouring folder, where a bare name does not look for them.
const packages = new URL("../interop/node_modules/", import.meta.url);
const load = (path) => import(new URL(path, packages));

const { toBinary } = await load("@bufbuild/protobuf/dist/esm/index.js");
const { FileDescriptorProtoSchema } = await load("@bufbuild/protobuf/dist/esm/wkt/index.js");

async function descriptor(name) {
  const path = name.replace(/\.proto$/, "");
  const file = (await load(`@zitadel/proto/es/${path}_pb.js`))[`file_${path.replaceAll("/", "_")}`];
  return Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)).toString("base64");
}

const dumped = {};
for (const name of process.argv.slice(2)) {
  dumped[name] = await descriptor(name);
}
console.log(JSON.stringify(dumped));
