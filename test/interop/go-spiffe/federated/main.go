// Command federated makes mutual TLS between two trust domains with the reference client: a server with an identity of
// the one, a client with an identity of the other, each verifying its peer with the bundles that its Workload API gives.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type report struct {
	Client  string `json:"client"`
	Server  string `json:"server"`
	Refused bool   `json:"refused"`
	JWT     string `json:"jwt"`
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "federated:", err)
		os.Exit(1)
	}
}

func run(serverAPI, clientAPI string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	here, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr(serverAPI)))
	if err != nil {
		return fmt.Errorf("server's source: %w", err)
	}
	defer here.Close()
	there, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr(clientAPI)))
	if err != nil {
		return fmt.Errorf("client's source: %w", err)
	}
	defer there.Close()
	own, err := here.GetX509SVID()
	if err != nil {
		return err
	}
	other, err := there.GetX509SVID()
	if err != nil {
		return err
	}
	if own.ID.TrustDomain() == other.ID.TrustDomain() {
		return fmt.Errorf("both are of %s", own.ID.TrustDomain())
	}

	var seen report
	clients := make(chan string, 1)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", tlsconfig.MTLSServerConfig(here, here, tlsconfig.AuthorizeMemberOf(other.ID.TrustDomain())))
	if err != nil {
		return err
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			secured := conn.(*tls.Conn)
			if secured.Handshake() == nil {
				if id, err := x509svid.IDFromCert(secured.ConnectionState().PeerCertificates[0]); err == nil {
					clients <- id.String()
				}
				io.WriteString(conn, "hi")
			}
			conn.Close()
		}
	}()
	if seen.Server, err = shake(ctx, listener.Addr().String(), there, tlsconfig.AuthorizeID(own.ID)); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	seen.Client = <-clients
	// The bundle of a trust domain speaks for that one alone.
	stranger := spiffeid.RequireFromPath(other.ID.TrustDomain(), own.ID.Path())
	_, err = shake(ctx, listener.Addr().String(), there, tlsconfig.AuthorizeID(stranger))
	seen.Refused = err != nil

	if seen.JWT, err = token(ctx, serverAPI, clientAPI); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(seen)
}

// A JWT-SVID of the one trust domain, validated with the bundles that the Workload API of the other gives.
func token(ctx context.Context, serverAPI, clientAPI string) (string, error) {
	svid, err := workloadapi.FetchJWTSVID(ctx, jwtsvid.Params{Audience: "db"}, workloadapi.WithAddr(clientAPI))
	if err != nil {
		return "", fmt.Errorf("fetch JWT-SVID: %w", err)
	}
	bundles, err := workloadapi.FetchJWTBundles(ctx, workloadapi.WithAddr(serverAPI))
	if err != nil {
		return "", fmt.Errorf("fetch JWT bundles: %w", err)
	}
	valid, err := jwtsvid.ParseAndValidate(svid.Marshal(), bundles, []string{"db"})
	if err != nil {
		return "", fmt.Errorf("validate JWT-SVID: %w", err)
	}
	return valid.ID.String(), nil
}

func shake(ctx context.Context, address string, source *workloadapi.X509Source, authorize tlsconfig.Authorizer) (string, error) {
	dialer := tls.Dialer{Config: tlsconfig.MTLSClientConfig(source, source, authorize)}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, 2)); err != nil {
		return "", err
	}
	id, err := x509svid.IDFromCert(conn.(*tls.Conn).ConnectionState().PeerCertificates[0])
	return id.String(), err
}
