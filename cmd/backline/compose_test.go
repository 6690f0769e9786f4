package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"backline/gateway/config"
)

// compose is the compose file with one profile.
func compose(t *testing.T, profile string) *types.Project {
	t.Helper()
	const path = "../../docker-compose.yml"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{WorkingDir: "../..",
		ConfigFiles: []types.ConfigFile{{Filename: path, Content: raw}}}, loader.WithProfiles([]string{profile}))
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// composed is the configuration that a gateway's container has by its environment.
func composed(t *testing.T, gw types.ServiceConfig) *config.Config {
	t.Helper()
	environ := []string{}
	for name, v := range gw.Environment {
		if v == nil {
			t.Errorf("%s: %s has no value", gw.Name, name)
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
		t.Fatalf("%s: %v", gw.Name, err)
	}
	return c
}

// targets are the published ports.
func targets(s types.ServiceConfig) (published []string) {
	for _, p := range s.Ports {
		published = append(published, fmt.Sprintf("%d/%s", p.Target, p.Protocol))
	}
	return published
}

// The compose file is read by compose's own reader, and what it tells the gateway by environment is a
// configuration that works.
func TestComposeFileIsTrue(t *testing.T) {
	project := compose(t, "redis")
	for _, name := range []string{"gateway", "redis"} {
		if _, err := project.GetService(name); err != nil {
			t.Error(err)
		}
	}
	gw, err := project.GetService("gateway")
	if err != nil {
		t.Fatal(err)
	}
	c := composed(t, gw)
	published := targets(gw)
	want := []string{"8080/tcp", "7881/udp", "7881/tcp", "3478/udp", "3478/tcp"}
	if c.Listen != "0.0.0.0:8080" || c.RTC.Media != ":7881" || c.RTC.Turn != ":3478" || c.Data != "/data" || !slices.Equal(published, want) {
		t.Errorf("the container listens on %s and %s, keeps its data in %s and publishes %v", c.Listen, c.RTC.Media, c.Data, published)
	}
	if !gw.ReadOnly || gw.StopGracePeriod == nil {
		t.Error("the container may write, or is not given time to stop")
	}
}

// The cluster has two gateways that differ where they must, and whatever its services name is there.
func TestComposeClusterIsTrue(t *testing.T) {
	project := compose(t, "cluster")
	service := func(name string) types.ServiceConfig {
		t.Helper()
		s, err := project.GetService(name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, two := composed(t, service("gateway1")), composed(t, service("gateway2"))
	if one.Store.Engine != "redis" || one.Store.Master != "backline" || len(one.Store.Sentinels) != 3 {
		t.Errorf("the store is %+v", one.Store)
	}
	for _, address := range one.Store.Sentinels {
		name, port, _ := strings.Cut(address, ":")
		if service(name); port != "26379" {
			t.Errorf("sentinel %s", address)
		}
	}
	for name, c := range map[string]*config.Config{"gateway1": one, "gateway2": two} {
		if s := service(name); c.Node.Name != name || c.Node.Address != "http://"+name+":8080" || !s.ReadOnly || s.StopGracePeriod == nil {
			t.Errorf("%s is node %+v", name, c.Node)
		}
		if got, want := targets(service(name)), []string{c.RTC.Media[1:] + "/udp", c.RTC.Media[1:] + "/tcp", c.RTC.Turn[1:] + "/udp", c.RTC.Turn[1:] + "/tcp"}; !slices.Equal(got, want) {
			t.Errorf("%s publishes %v, want %v", name, got, want)
		}
	}
	if one.RTC.Media == two.RTC.Media || one.RTC.Turn == two.RTC.Turn || one.PublicURL != two.PublicURL {
		t.Error("two gateways on one machine need ports of their own, and one address")
	}
	used := map[string]string{}
	for _, s := range project.Services {
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				if _, err := os.Stat(v.Source); err != nil && filepath.Base(v.Source) != "backline.yaml" { // the operator's
					t.Errorf("%s: %v", s.Name, err)
				}
			} else if other := used[v.Source]; other != "" {
				t.Errorf("%s and %s share the volume %s", s.Name, other, v.Source)
			} else {
				used[v.Source] = s.Name
			}
		}
		for name := range s.DependsOn {
			service(name)
		}
		if len(s.Command) > 1 && s.Command[0] == "sh" {
			script := strings.Replace(s.Command[1], "/deploy/", "../../deploy/", 1)
			if out, err := exec.CommandContext(t.Context(), "sh", "-n", script).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", s.Name, err, out)
			}
		}
	}
}

// The balancer's configuration is read by HAProxy itself, knows every gateway, and asks for /readyz.
func TestBalancerConfigurationIsTrue(t *testing.T) {
	const path = "../../deploy/haproxy.cfg"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"server gateway1 gateway1:8080", "server gateway2 gateway2:8080", "option httpchk GET /readyz"} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s has no %q", path, want)
		}
	}
	for _, sticky := range []string{"stick-table", "stick on", "cookie ", "balance source"} {
		if strings.Contains(string(raw), sticky) {
			t.Errorf("%s has %q: nothing is sticky", path, sticky)
		}
	}
	program, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("haproxy is not installed: make deps")
	}
	if out, err := exec.CommandContext(t.Context(), program, "-c", "-f", path).CombinedOutput(); err != nil {
		t.Errorf("haproxy: %v: %s", err, out)
	}
}
