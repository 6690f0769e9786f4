package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"backline/gateway/config"
)

// The compose file is read by compose's own reader, and what it tells the gateway by environment is a
// configuration that works.
func TestComposeFileIsTrue(t *testing.T) {
	const path = "../../docker-compose.yml"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{WorkingDir: "../..",
		ConfigFiles: []types.ConfigFile{{Filename: path, Content: raw}}}, loader.WithProfiles([]string{"redis"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gateway", "redis"} {
		if _, err := project.GetService(name); err != nil {
			t.Error(err)
		}
	}
	gw, err := project.GetService("gateway")
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{}
	for name, v := range gw.Environment {
		if v == nil {
			t.Errorf("%s has no value", name)
			continue
		}
		environ = append(environ, name+"="+*v)
	}
	small := filepath.Join(t.TempDir(), "backline.yaml")
	if err := os.WriteFile(small, []byte("version: 1\nqueues: [{id: main}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(small, environ)
	if err != nil {
		t.Fatal(err)
	}
	var published []string
	for _, p := range gw.Ports {
		published = append(published, fmt.Sprintf("%d/%s", p.Target, p.Protocol))
	}
	want := []string{"8080/tcp", "7881/udp", "7881/tcp", "3478/udp", "3478/tcp"}
	if c.Listen != "0.0.0.0:8080" || c.RTC.Media != ":7881" || c.RTC.Turn != ":3478" || c.Data != "/data" || !slices.Equal(published, want) {
		t.Errorf("the container listens on %s and %s, keeps its data in %s and publishes %v", c.Listen, c.RTC.Media, c.Data, published)
	}
	if !gw.ReadOnly || gw.StopGracePeriod == nil {
		t.Error("the container may write, or is not given time to stop")
	}
}
