// Command server is AuthService by grpc-go, with authsvc's statements on its SQLite file.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"

	"authsvc.bench/messages"
	"google.golang.org/grpc"
)

func main() {
	database := flag.String("database", "", "the SQLite file")
	listen := flag.String("listen", "", "HOST:PORT")
	flag.Parse()
	if err := serve(*database, *listen); err != nil {
		log.Fatal(err)
	}
}

func serve(database, listen string) error {
	store, err := openStore(database)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	messages.RegisterAuthServiceServer(server, &authService{store: store})
	fmt.Println("ready")
	return server.Serve(listener)
}
