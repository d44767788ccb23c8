// SPDX-FileCopyrightText: podforge contributors
// SPDX-License-Identifier: GPL-3.0-or-later
// stand-in for flanneld --kube-subnet-mgr (host-gw style): node's podCIDR -> /run/flannel/subnet.env, routes to the other nodes
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

const sa = "/var/run/secrets/kubernetes.io/serviceaccount/"

func get(path string, v interface{}) error {
	tok, _ := os.ReadFile(sa + "token")
	ca, _ := os.ReadFile(sa + "ca.crt")
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(ca)
	c := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p}}}
	r, _ := http.NewRequest("GET", "https://"+os.Getenv("KUBERNETES_SERVICE_HOST")+":"+os.Getenv("KUBERNETES_SERVICE_PORT")+path, nil)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(tok)))
	s, err := c.Do(r)
	if err != nil {
		return err
	}
	defer s.Body.Close()
	b, _ := io.ReadAll(s.Body)
	if s.StatusCode != 200 {
		return fmt.Errorf("%s: %s %.200s", path, s.Status, b)
	}
	return json.Unmarshal(b, v)
}

func main() {
	var pod struct{ Spec struct{ NodeName string } }
	var nodes struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ PodCIDR string }
			Status   struct{ Addresses []struct{ Type, Address string } }
		}
	}
	for {
		if err := get("/api/v1/namespaces/"+os.Getenv("POD_NAMESPACE")+"/pods/"+os.Getenv("POD_NAME"), &pod); err != nil {
			log.Fatal(err)
		}
		if err := get("/api/v1/nodes", &nodes); err != nil {
			log.Fatal(err)
		}
		for _, n := range nodes.Items {
			if n.Spec.PodCIDR == "" {
				continue
			}
			if n.Metadata.Name == pod.Spec.NodeName {
				f := strings.Split(n.Spec.PodCIDR, "/")
				gw := f[0][:strings.LastIndex(f[0], ".")] + ".1/" + f[1]
				os.WriteFile("/run/flannel/subnet.env", []byte("FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET="+gw+"\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"), 0644)
				continue
			}
			for _, a := range n.Status.Addresses {
				if a.Type == "InternalIP" {
					if out, err := exec.Command("/bin/ip", "route", "replace", n.Spec.PodCIDR, "via", a.Address).CombinedOutput(); err != nil {
						log.Printf("route: %v %s", err, out)
					}
				}
			}
		}
		time.Sleep(10 * time.Second)
	}
}
