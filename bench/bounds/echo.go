// Echo with one goroutine per connection. usage: echo 127.0.0.1:0 | echo unix:/path; prints its address.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"strings"
)

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 256*1024)
	for {
		count, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:count]); err != nil {
			return
		}
	}
}

func main() {
	network, address := "tcp", "127.0.0.1:0"
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "unix:") {
		network, address = "unix", os.Args[1][5:]
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		log.Fatal(err)
	}
	if network == "unix" {
		fmt.Println("unix:" + address)
	} else {
		fmt.Println(listener.Addr())
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go echo(connection)
	}
}
