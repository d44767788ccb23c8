// SPDX-FileCopyrightText: podforge contributors
// SPDX-License-Identifier: GPL-3.0-or-later
// stand-in for coredns in tests: answers /health on :8080 and /ready on :8181, and A/AAAA queries with SERVFAIL on :53
package main

import (
	"flag"
	"log"
	"net"
	"net/http"
)

func main() {
	flag.String("conf", "", "")
	flag.Parse()
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("OK")) })
	go func() { log.Fatal(http.ListenAndServe(":8181", ok)) }()
	go func() {
		c, err := net.ListenPacket("udp", ":53")
		if err != nil {
			log.Fatal(err)
		}
		b := make([]byte, 4096)
		for {
			n, a, err := c.ReadFrom(b)
			if err != nil || n < 12 {
				continue
			}
			b[2] |= 0x80
			b[3] = b[3]&0xf0 | 2
			c.WriteTo(b[:n], a)
		}
	}()
	log.Fatal(http.ListenAndServe(":8080", ok))
}
