/** gRPC-Web for protobuf-es methods: nothing here names an RPC. */

import {
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { GrpcWebClientBase, MethodDescriptor, MethodType } from "grpc-web";
import { type Failure, failureOf } from "./failure.ts";

/** Who hears what a stream brings, and how it ends: with null when the server ended it well. */
export interface StreamListener<M> {
  message(message: M): void;
  end(failure: Failure | null): void;
}

/** The calls of one server. */
export interface Transport {
  /** The answer to a call with a token, within 15 seconds. Rejects with a `Failure`. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    token: string,
  ): Promise<MessageShape<O>>;

  /** Opens a public stream. What it returns ends it, after which the listener hears no more. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageShape<I>,
    listener: StreamListener<MessageShape<O>>,
  ): () => void;
}

const DEADLINE = 15_000; // ms

/** The transport to the server at an origin: unary calls in the binary format, streams in the text format. */
export function grpcWeb(origin: string): Transport {
  // Browsers give scripts the bytes of an answer in pieces only as text, so a stream needs the text format.
  const binary = new GrpcWebClientBase({ format: "binary" });
  const text = new GrpcWebClientBase({ format: "text" });
  return {
    async unary(method, request, token) {
      const metadata = { authorization: `Bearer ${token}`, deadline: String(Date.now() + DEADLINE) };
      try {
        return await binary.unaryCall(origin + path(method), request, metadata, descriptor(method, MethodType.UNARY));
      } catch (error) {
        throw failureOf(error);
      }
    },

    stream(method, request, listener) {
      const described = descriptor(method, MethodType.SERVER_STREAMING);
      const call = text.serverStreaming(origin + path(method), request, {}, described);
      // The client may tell of one end twice: as an error and as an end.
      let over = false;
      const end = (failure: Failure | null) => {
        if (!over) {
          over = true;
          listener.end(failure);
        }
      };
      call.on("data", (message) => over || listener.message(message));
      call.on("error", (error) => end(failureOf(error)));
      call.on("end", () => end(null));
      return () => {
        over = true;
        call.cancel();
      };
    },
  };
}

type Method<I extends DescMessage, O extends DescMessage> = DescMethodUnary<I, O> | DescMethodServerStreaming<I, O>;

function path(method: Method<DescMessage, DescMessage>): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function descriptor<I extends DescMessage, O extends DescMessage>(method: Method<I, O>, type: string) {
  return new MethodDescriptor<MessageShape<I>, MessageShape<O>>(
    path(method),
    type,
    // Messages of protobuf-es have no classes, and the client makes no message itself.
    Object as unknown as new () => MessageShape<I>,
    Object as unknown as new () => MessageShape<O>,
    (message: MessageShape<I>) => toBinary(method.input, message),
    (bytes: Uint8Array) => fromBinary(method.output, bytes),
  );
}
