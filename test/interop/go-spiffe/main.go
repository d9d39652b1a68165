// Command go-spiffe drives the Workload API with the reference client: fetches X509-SVIDs and bundles, makes mutual TLS
// with itself, waits for a rotation under an open listener, and says in one line of JSON what it saw.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type report struct {
	IDs        []string `json:"ids"`
	Hints      []string `json:"hints"`
	Bundles    []string `json:"bundles"`
	Peer       string   `json:"peer"`
	Refused    bool     `json:"refused"`
	Rotated    bool     `json:"rotated"`
	Handshakes int      `json:"handshakes"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go-spiffe:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	address := workloadapi.WithAddr(os.Args[1])

	fetched, err := workloadapi.FetchX509Context(ctx, address)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	var seen report
	for _, svid := range fetched.SVIDs {
		seen.IDs = append(seen.IDs, svid.ID.String())
		seen.Hints = append(seen.Hints, svid.Hint)
	}
	for _, bundle := range fetched.Bundles.Bundles() {
		seen.Bundles = append(seen.Bundles, bundle.TrustDomain().String())
	}
	if _, err := workloadapi.FetchX509Bundles(ctx, address); err != nil {
		return fmt.Errorf("fetch bundles: %w", err)
	}

	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(address))
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer source.Close()
	own, err := source.GetX509SVID()
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeID(own.ID)))
	if err != nil {
		return err
	}
	defer listener.Close()
	go serve(listener)

	// Handshakes go on while the server rotates the SVID below them.
	for !seen.Rotated {
		peer, err := shake(ctx, listener.Addr().String(), source, tlsconfig.AuthorizeID(own.ID))
		if err != nil {
			return fmt.Errorf("handshake %d: %w", seen.Handshakes, err)
		}
		seen.Peer = peer
		seen.Handshakes++
		now, err := source.GetX509SVID()
		if err != nil {
			return err
		}
		seen.Rotated = now.Certificates[0].SerialNumber.Cmp(own.Certificates[0].SerialNumber) != 0
		time.Sleep(10 * time.Millisecond)
	}
	stranger := spiffeid.RequireFromString("spiffe://example.org/somebody/else")
	_, err = shake(ctx, listener.Addr().String(), source, tlsconfig.AuthorizeID(stranger))
	seen.Refused = err != nil
	return json.NewEncoder(os.Stdout).Encode(seen)
}

func serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			io.Copy(conn, io.LimitReader(conn, 2))
		}()
	}
}

func shake(ctx context.Context, address string, source *workloadapi.X509Source, authorize tlsconfig.Authorizer) (string, error) {
	dialer := tls.Dialer{Config: tlsconfig.MTLSClientConfig(source, source, authorize)}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hi")); err != nil {
		return "", err
	}
	echo := make([]byte, 2)
	if _, err := io.ReadFull(conn, echo); err != nil {
		return "", err
	}
	leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	id, err := x509svid.IDFromCert(leaf)
	return id.String(), err
}
