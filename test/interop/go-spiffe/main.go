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

	"github.com/spiffe/go-spiffe/v2/federation"
	"github.com/spiffe/go-spiffe/v2/logger"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
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
	JWT        string   `json:"jwt"`
	Endpoint   []int    `json:"endpoint"`
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
	// Without one the client finds its endpoint by itself, in SPIFFE_ENDPOINT_SOCKET.
	address := workloadapi.WithLogger(logger.Null)
	if os.Args[1] != "" {
		address = workloadapi.WithAddr(os.Args[1])
	}

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

	if seen.JWT, err = token(ctx, address); err != nil {
		return err
	}

	if os.Args[2] != "" {
		if seen.Endpoint, err = published(ctx, fetched, os.Args[2]); err != nil {
			return err
		}
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

// A JWT-SVID is fetched, validated here with the bundle, and validated by the server; both must see the same subject.
// The bundle endpoint, authenticated by the bundle that the Workload API gave: roots, JWT keys, sequence.
func published(ctx context.Context, fetched *workloadapi.X509Context, url string) ([]int, error) {
	td := fetched.SVIDs[0].ID.TrustDomain()
	authority := spiffeid.RequireFromPath(td, "/garrison/ca")
	bundle, err := federation.FetchBundle(ctx, td, url, federation.WithSPIFFEAuth(fetched.Bundles, authority))
	if err != nil {
		return nil, fmt.Errorf("bundle endpoint: %w", err)
	}
	sequence, _ := bundle.SequenceNumber()
	return []int{len(bundle.X509Authorities()), len(bundle.JWTAuthorities()), int(sequence)}, nil
}

func token(ctx context.Context, address workloadapi.ClientOption) (string, error) {
	svid, err := workloadapi.FetchJWTSVID(ctx, jwtsvid.Params{Audience: "db"}, address)
	if err != nil {
		return "", fmt.Errorf("fetch JWT-SVID: %w", err)
	}
	bundles, err := workloadapi.FetchJWTBundles(ctx, address)
	if err != nil {
		return "", fmt.Errorf("fetch JWT bundles: %w", err)
	}
	here, err := jwtsvid.ParseAndValidate(svid.Marshal(), bundles, []string{"db"})
	if err != nil {
		return "", fmt.Errorf("validate JWT-SVID: %w", err)
	}
	there, err := workloadapi.ValidateJWTSVID(ctx, svid.Marshal(), "db", address)
	if err != nil {
		return "", fmt.Errorf("validate JWT-SVID at the server: %w", err)
	}
	if here.ID != there.ID {
		return "", fmt.Errorf("%s here and %s there", here.ID, there.ID)
	}
	return here.ID.String(), nil
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
