// Times Open Policy Agent, embedded as a Go library, on the corpus that the bench has written: prints one JSON object.
// Usage: opa CORPUS.json SECONDS
package main

import (
	"context"
	"encoding/json"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

type corpus struct {
	Policy string                   `json:"policy"`
	Query  string                   `json:"query"`
	Data   map[string]interface{}   `json:"data"`
	Inputs []map[string]interface{} `json:"inputs"`
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	check(err)
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	check(err)
	var c corpus
	check(json.Unmarshal(text, &c))
	ctx := context.Background()
	begin := time.Now()
	query, err := rego.New(
		rego.Query(c.Query),
		rego.Module("corpus.rego", c.Policy),
		rego.Store(inmem.NewFromObject(c.Data)),
	).PrepareForEval(ctx)
	check(err)
	prepared := time.Since(begin)
	var inputs []rego.EvalOption
	for _, input := range c.Inputs {
		inputs = append(inputs, rego.EvalInput(input))
	}
	allowed := []bool{}
	for _, input := range inputs {
		allowed = append(allowed, ask(ctx, query, input))
	}
	var samples []float64
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	for i := 0; time.Now().Before(end); i++ {
		start := time.Now()
		ask(ctx, query, inputs[i%len(inputs)])
		samples = append(samples, float64(time.Since(start).Nanoseconds())/1000)
	}
	// The first quarter warms up.
	samples = samples[len(samples)/4:]
	sort.Float64s(samples)
	at := func(share float64) float64 { return samples[int(float64(len(samples)-1)*share)] }
	check(json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"p50Us": at(0.5), "p99Us": at(0.99), "samples": len(samples), "prepareMs": prepared.Milliseconds(), "allowed": allowed,
	}))
}

func ask(ctx context.Context, query rego.PreparedEvalQuery, input rego.EvalOption) bool {
	results, err := query.Eval(ctx, input)
	check(err)
	return results.Allowed()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
