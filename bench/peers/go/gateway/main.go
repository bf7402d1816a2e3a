// Command gateway is grpc-gateway in front of authsvc's port for native gRPC.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"

	"authsvc.bench/messages"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
)

func main() {
	backend := flag.String("backend", "", "HOST:PORT of the gRPC server")
	listen := flag.String("listen", "", "HOST:PORT")
	flag.Parse()
	if err := serve(*backend, *listen); err != nil {
		log.Fatal(err)
	}
}

func serve(backend, listen string) error {
	// As authsvc has it, and not the gateway's default: fields without a value are left out.
	plain := &runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitUnpopulated: false},
		UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: true},
	}
	mux := runtime.NewServeMux(runtime.WithMarshalerOption(runtime.MIMEWildcard, plain))
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if err := messages.RegisterAuthServiceHandlerFromEndpoint(context.Background(), mux, backend, options); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return http.Serve(listener, http.StripPrefix("/auth/v1", mux))
}
