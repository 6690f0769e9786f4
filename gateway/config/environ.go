package config

import (
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

const prefix = "BACKLINE_"

// Variable is a variable of the environment and the key it sets.
type Variable struct {
	Name string // BACKLINE_MESSENGER_APP_SECRET
	Key  string // messenger.app_secret
	// Form of the value: "value", "list" (by commas) or "yaml".
	Form string
	// Secret: NAME_FILE exists too.
	Secret bool
}

// Variables lists every variable that is read.
func Variables() []Variable {
	return variables(reflect.TypeFor[Config](), "")
}

func variables(t reflect.Type, parent string) []Variable {
	var out []Variable
	for f := range t.Fields() {
		key := join(parent, f.Tag.Get("yaml"))
		v := Variable{
			Name:   prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_")),
			Key:    key,
			Form:   "value",
			Secret: f.Type == secretType,
		}
		switch {
		case f.Type.Kind() == reflect.Struct:
			out = append(out, variables(f.Type, key)...)
			continue
		case f.Type.Kind() == reflect.Map, f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			v.Form = "yaml"
		case f.Type.Kind() == reflect.Slice:
			v.Form = "list"
		}
		out = append(out, v)
	}
	return out
}

// environment lays the variables over c. Names that are nearly ours are mistakes; others are left alone,
// because a container platform puts its own BACKLINE_SERVICE_HOST there.
func (d *decoder) environment(environ []string, c *Config) {
	known := map[string]Variable{}
	var names []string
	for _, v := range Variables() {
		known[v.Name] = v
		names = append(names, v.Name)
	}
	for _, kv := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, prefix) || value == "" {
			continue
		}
		d.source = name
		v, ok := known[name]
		twin, isFile := strings.CutSuffix(name, "_FILE")
		switch {
		case ok:
			d.variable(v, value, c)
		case isFile && known[twin].Secret:
			key := known[twin].Key
			d.files[key] = value
			d.at[key+"_file"] = place{1, 1, name}
		default:
			if s := suggest(name, names); s != "" {
				d.add(place{1, 1, name}, "", "unknown variable; did you mean %s?", s)
			}
		}
	}
	d.source = ""
}

func (d *decoder) variable(v Variable, value string, c *Config) {
	field, _ := lookup(reflect.ValueOf(c).Elem(), v.Key)
	d.at[v.Key] = place{1, 1, v.Name}
	delete(d.files, v.Key) // the environment wins over a *_file key
	switch v.Form {
	case "yaml":
		d.read(d.parse([]byte(value)), field, v.Key)
	case "list":
		list := reflect.MakeSlice(field.Type(), 0, 0)
		for item := range strings.SplitSeq(value, ",") {
			e := reflect.New(field.Type().Elem()).Elem()
			e.SetString(strings.TrimSpace(item))
			list = reflect.Append(list, e)
		}
		field.Set(list)
	default:
		if msg := setScalar(field, value); msg != "" {
			d.add(place{1, 1, v.Name}, v.Key, "%s", msg)
		}
	}
}

// read is value for a whole document; no document changes nothing.
func (d *decoder) read(root ast.Node, v reflect.Value, key string) {
	if root == nil {
		return
	}
	if _, ok := root.(*ast.CommentGroupNode); ok {
		return
	}
	d.value(root, v, key)
}

// lookup finds the field of a dotted key outside of lists.
func lookup(v reflect.Value, key string) (reflect.Value, bool) {
	for name := range strings.SplitSeq(key, ".") {
		if v.Kind() != reflect.Struct {
			return v, false
		}
		i := fieldByName(v.Type(), name)
		if i < 0 {
			return v, false
		}
		v = v.Field(i)
	}
	return v, true
}

// suggest returns the candidate nearest to name, if it is near: at most a third of it differs.
func suggest(name string, candidates []string) string {
	if len(name) > 64 {
		return ""
	}
	best, bestDistance := "", min(len(name)/3+1, 3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			prev, row[j+1] = row[j+1], min(prev+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
