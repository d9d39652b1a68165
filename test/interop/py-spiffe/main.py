"""Drives the Workload API at SPIFFE_ENDPOINT_SOCKET with py-spiffe, waits for a rotation, says in one line of JSON what it saw."""

import json
import threading

from spiffe import JwtSource, WorkloadApiClient, X509Source

with WorkloadApiClient() as client:
    svids = client.fetch_x509_svids()
    domain = svids[0].spiffe_id.trust_domain
    bundle = client.fetch_x509_bundles().get_bundle_for_trust_domain(domain)
    token = client.fetch_jwt_svid(audience={"db"})
    there = client.validate_jwt_svid(token.token, "db")

with JwtSource() as tokens:
    keys = tokens.get_bundle_for_trust_domain(domain)
    mine = tokens.fetch_svid({"db"})

rotated = threading.Event()
with X509Source() as source:
    first = source.svid.leaf.serial_number

    def updated() -> None:
        if source.svid.leaf.serial_number != first:
            rotated.set()

    source.subscribe_for_updates(updated)
    rotated.wait(30)

print(
    json.dumps(
        {
            "ids": [str(svid.spiffe_id) for svid in svids],
            "domain": str(domain),
            "roots": len(bundle.x509_authorities),
            "keys": len(keys.jwt_authorities),
            "token": [str(token.spiffe_id), str(there.spiffe_id), str(mine.spiffe_id)],
            "rotated": rotated.is_set(),
        }
    )
)
