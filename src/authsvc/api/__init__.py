"""The servicers: each method once, in the style of grpc.aio, whatever door a call came through."""
