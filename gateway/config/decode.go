package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a configuration file.
const (
	MaxBytes   = 1 << 20
	maxDepth   = 64  // of nested brackets and of indentation by "- - -"
	maxMistake = 100 // reported at once
)

// decoder fills a Config from a syntax tree by reflection and remembers where each key stood.
type decoder struct {
	at       map[string]place  // "queues[0].ring" → its value
	files    map[string]string // "messenger.app_secret" → path of its file
	mistakes []Mistake
	source   string // "" for the file; else the variable the value came from
	unread   bool   // something was not YAML: its keys are not known
}

type place struct {
	line, column int
	source       string
}

func newDecoder() *decoder {
	return &decoder{at: map[string]place{}, files: map[string]string{}}
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	secretType   = reflect.TypeFor[Secret]()
)

// parse turns data into a syntax tree. Whatever the YAML library makes of hostile input, its panic
// included, comes out as a mistake.
func (d *decoder) parse(data []byte) (root ast.Node) {
	defer func() {
		if r := recover(); r != nil {
			d.add(place{1, 1, d.source}, "", "this is not YAML")
			root, d.unread = nil, true
		}
	}()
	if line := tooDeep(data); line > 0 {
		d.add(place{line, 1, d.source}, "", "nested too deeply")
		d.unread = true
		return nil
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		d.syntax(err)
		d.unread = true
		return nil
	}
	for i, doc := range file.Docs {
		if i > 0 {
			d.add(d.place(doc), "", "only one document (---) is read")
			break
		}
		root = doc.Body
	}
	return root
}

// syntax reports what the parser stumbled over.
func (d *decoder) syntax(err error) {
	at, msg := place{1, 1, d.source}, "this is not YAML"
	if e, ok := errors.AsType[yaml.Error](err); ok {
		msg += ": " + clip(e.GetMessage())
		if t := e.GetToken(); t != nil && t.Position != nil {
			at.line, at.column = t.Position.Line, t.Position.Column
		}
	}
	d.add(at, "", "%s", msg)
}

// tooDeep returns the line at which brackets, or dashes on one line, nest beyond maxDepth, else 0. It
// looks at bytes, not at syntax: the parser recurses, and a stack overflow cannot be recovered from.
func tooDeep(data []byte) int {
	line, depth, dashes, indent := 1, 0, 0, 0
	lead := true
	for _, b := range data {
		switch b {
		case '\n':
			line, dashes, indent, lead = line+1, 0, 0, true
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		case '-', '?', ':':
			dashes++
		case ' ':
			if lead {
				indent++
			}
		}
		if b != ' ' && b != '\n' && b != '-' && b != '?' {
			lead = false
		}
		if depth > maxDepth || lead && dashes > maxDepth || indent > 8*maxDepth {
			return line
		}
	}
	return 0
}

func (d *decoder) place(n ast.Node) place {
	if n == nil {
		return place{1, 1, d.source}
	}
	return d.placeOf(n.GetToken())
}

func (d *decoder) placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1, d.source}
	}
	return place{t.Position.Line, t.Position.Column, d.source}
}

func (d *decoder) add(at place, key, format string, args ...any) {
	if len(d.mistakes) < maxMistake {
		d.mistakes = append(d.mistakes, Mistake{
			Line: at.line, Column: at.column, Source: at.source, Key: key, Msg: fmt.Sprintf(format, args...),
		})
	}
}

// addAt reports a mistake found after reading, at the key or the nearest one around it that was written.
func (d *decoder) addAt(key, format string, args ...any) {
	for k := key; ; {
		if at, ok := d.at[k]; ok {
			d.add(at, key, format, args...)
			return
		}
		cut := max(strings.LastIndexByte(k, '.'), strings.LastIndexByte(k, '['))
		if cut < 0 {
			d.add(place{1, 1, ""}, key, format, args...)
			return
		}
		k = k[:cut]
	}
}

// value reads n into v, the field at key.
func (d *decoder) value(n ast.Node, v reflect.Value, key string) {
	switch n.(type) {
	case nil, *ast.NullNode:
		return // "queues:" with nothing behind it keeps the default
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.add(d.place(n), key, "anchors, aliases and tags are not read here: write the value")
		return
	}
	if key != "" {
		d.at[key] = d.place(n)
	}
	switch {
	case v.Kind() == reflect.Struct:
		d.mapping(n, v, key)
	case v.Kind() == reflect.Slice:
		d.sequence(n, v, key)
	case v.Kind() == reflect.Map:
		d.dictionary(n, v, key)
	default:
		d.scalar(n, v, key)
	}
}

func pairsOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

// dictionary reads a mapping whose keys are the operator's own: texts by language.
func (d *decoder) dictionary(n ast.Node, v reflect.Value, key string) {
	pairs, ok := pairsOf(n)
	if !ok {
		d.add(d.place(n), key, "want keys and values here, like {en: …}")
		return
	}
	out := reflect.MakeMap(v.Type())
	for _, p := range pairs {
		name := reflect.ValueOf(p.Key.GetToken().Value)
		path := join(key, name.String())
		d.at[path] = d.placeOf(p.Key.GetToken())
		if out.MapIndex(name).IsValid() {
			d.addAt(path, "%q is written twice", clip(name.String()))
			continue
		}
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(p.Value, e, path)
		out.SetMapIndex(name, e)
	}
	v.Set(out)
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, key string) {
	pairs, ok := pairsOf(n)
	if !ok {
		d.add(d.place(n), key, "want keys and values here, like {%s: …}", fieldNames(v.Type())[0])
		return
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		name := p.Key.GetToken().Value
		at := d.placeOf(p.Key.GetToken())
		path := join(key, name)
		if seen[name] {
			d.add(at, path, "%q is written twice", name)
			continue
		}
		seen[name] = true
		d.field(p.Value, v, key, name, at)
		if twin, ok := strings.CutSuffix(name, "_file"); ok && seen[twin] || seen[name+"_file"] {
			d.add(at, path, "give the value or its file, not both")
		}
	}
}

// field reads one key of a mapping.
func (d *decoder) field(n ast.Node, v reflect.Value, parent, name string, at place) {
	path := join(parent, name)
	if i := fieldByName(v.Type(), name); i >= 0 {
		d.at[path] = at
		d.value(n, v.Field(i), path)
		return
	}
	if twin, ok := strings.CutSuffix(name, "_file"); ok {
		if i := fieldByName(v.Type(), twin); i >= 0 && v.Type().Field(i).Type == secretType {
			var file string
			d.value(n, reflect.ValueOf(&file).Elem(), path)
			d.files[join(parent, twin)] = file
			d.at[join(parent, twin)] = at
			return
		}
	}
	msg := fmt.Sprintf("unknown key %q", clip(name))
	if s := suggest(name, fieldNames(v.Type())); s != "" {
		msg += fmt.Sprintf("; did you mean %q?", s)
	}
	d.add(at, path, "%s", msg)
}

func (d *decoder) sequence(n ast.Node, v reflect.Value, key string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.add(d.place(n), key, "want a list here, like [a, b]")
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, 0)
	for i, item := range s.Values {
		e := reflect.New(v.Type().Elem())
		if p, ok := e.Interface().(preset); ok {
			p.preset()
		}
		d.value(item, e.Elem(), fmt.Sprintf("%s[%d]", key, i))
		list = reflect.Append(list, e.Elem())
	}
	v.Set(list)
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, key string) {
	text, ok := scalarText(n)
	if !ok {
		d.add(d.place(n), key, "want a single value here")
		return
	}
	if msg := setScalar(v, text); msg != "" {
		d.add(d.place(n), key, "%s", msg)
	}
}

// setScalar puts text into v; the result is what is wrong with it.
func setScalar(v reflect.Value, text string) string {
	switch {
	case v.Type() == durationType:
		t, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Sprintf("%q is no duration: write 20s, 5m or 1h", clip(text))
		}
		v.SetInt(int64(t))
	case v.Kind() == reflect.Int:
		i, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Sprintf("%q is no whole number", clip(text))
		}
		v.SetInt(int64(i))
	default:
		v.SetString(text)
	}
	return ""
}

// scalarText is the value as written: an id of digits, unquoted, must not turn into a float.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

func fieldByName(t reflect.Type, name string) int {
	return slices.Index(fieldNames(t), name)
}

func fieldNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("yaml")
	}
	return names
}

func clip(s string) string { return clipTo(s, 60) }

func clipTo(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
