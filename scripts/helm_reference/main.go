// Answers questions about charts and values with Helm's own packages: one JSON object a line in, one out.
//
// Built for scripts/fuzz_helm.py, with the Helm that shall be the reference:
//
//	go mod init reference && go get helm.sh/helm/v4@v4.2.4 && go mod tidy && go build -o helm-reference .
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"sort"

	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/strvals"
)

type question struct {
	Op     string            `json:"op"`
	Text   string            `json:"text"`
	Data   []byte            `json:"data"`
	Into   map[string]any    `json:"into"`
	Values map[string]any    `json:"values"`
	Files  map[string]string `json:"files"`
}

// typed marks integers, which JSON cannot tell from floats.
func typed(value any) any {
	switch found := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range found {
			out[key] = typed(item)
		}
		return out
	case []any:
		out := make([]any, len(found))
		for at, item := range found {
			out[at] = typed(item)
		}
		return out
	case int64:
		return map[string]any{"$int64": fmt.Sprint(found)}
	}
	return value
}

func load(files map[string]string) (*chart.Chart, error) {
	var buffered []*archive.BufferedFile
	for name, text := range files {
		buffered = append(buffered, &archive.BufferedFile{Name: name, Data: []byte(text)})
	}
	sort.Slice(buffered, func(i, j int) bool { return buffered[i].Name < buffered[j].Name })
	return loader.LoadFiles(buffered)
}

func tree(c *chart.Chart) any {
	below := []any{}
	for _, each := range c.Dependencies() {
		below = append(below, tree(each))
	}
	return []any{c.ChartFullPath(), below}
}

func answer(q question) (any, error) {
	into := q.Into
	if into == nil {
		into = map[string]any{}
	}
	switch q.Op {
	case "set":
		err := strvals.ParseInto(q.Text, into)
		return typed(into), err
	case "set-string":
		err := strvals.ParseIntoString(q.Text, into)
		return typed(into), err
	case "set-json":
		err := strvals.ParseJSON(q.Text, into)
		return typed(into), err
	case "set-literal":
		err := strvals.ParseLiteralInto(q.Text, into)
		return typed(into), err
	case "values":
		values, err := loader.LoadValues(bytes.NewReader(q.Data))
		return typed(values), err
	case "metadata":
		c, err := load(q.Files)
		if err != nil {
			return nil, err
		}
		return c.Metadata, nil
	case "dependencies":
		c, err := load(q.Files)
		if err != nil {
			return nil, err
		}
		if err := chartutil.ProcessDependencies(c, q.Values); err != nil {
			return nil, err
		}
		values, err := util.CoalesceValues(c, q.Values)
		return map[string]any{"charts": tree(c), "values": typed(map[string]any(values))}, err
	case "schema":
		return nil, util.ValidateAgainstSingleSchema(q.Values, []byte(q.Text))
	}
	return nil, fmt.Errorf("unknown question %q", q.Op)
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	log.SetOutput(io.Discard)
	questions := bufio.NewReaderSize(os.Stdin, 1<<20)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := questions.ReadBytes('\n')
		if err != nil {
			return
		}
		var q question
		if err := json.Unmarshal(line, &q); err != nil {
			log.Fatal(err)
		}
		result, err := answer(q)
		found := map[string]any{"result": result, "error": ""}
		if err != nil {
			found["error"] = err.Error()
		}
		if err := answers.Encode(found); err != nil {
			log.Fatal(err)
		}
	}
}
