package chaos

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Disk is a file system of its own that can be broken. It lies in a file on a small file system in memory, as that of a
// virtual machine lies on a host.
type Disk struct {
	Dir string

	t      testing.TB
	host   string // where the image lies
	frozen bool
}

// Sizes in bytes of a disk, and of what its host has for it.
const (
	diskSize = "512M"
	hostSize = "256m"
)

// NewDisk mounts one. The test is skipped where that is not allowed: it takes root and loop devices.
func NewDisk(t testing.TB) *Disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a disk of its own is mounted by root only")
	}
	d := &Disk{Dir: t.TempDir(), host: t.TempDir(), t: t}
	try := func(words ...string) {
		t.Helper()
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no disk can be made here: %v: %v: %s", words, err, out)
		}
	}
	try("mount", "-t", "tmpfs", "-o", "size="+hostSize, "none", d.host)
	t.Cleanup(func() { d.unmount(d.host) })
	image := filepath.Join(d.host, "image")
	try("truncate", "-s", diskSize, image)
	try("mkfs.ext4", "-q", image)
	try("mount", "-o", "loop,errors=remount-ro", image, d.Dir)
	t.Cleanup(func() {
		d.Thaw()
		d.unmount(d.Dir)
	})
	return d
}

// unmount waits for who still has a file open: a process that was killed may take a moment.
func (d *Disk) unmount(dir string) {
	var out []byte
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if out, err = exec.Command("umount", dir).CombinedOutput(); err == nil {
			return
		}
	}
	d.t.Errorf("umount %s: %v: %s", dir, err, out)
}

func (d *Disk) do(words ...string) {
	d.t.Helper()
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		d.t.Fatalf("%v: %v: %s", words, err, out)
	}
}

// Freeze has whoever writes wait, until Thaw.
func (d *Disk) Freeze() {
	d.t.Helper()
	d.do("fsfreeze", "--freeze", d.Dir)
	d.frozen = true
}

// Thaw lets them go on.
func (d *Disk) Thaw() {
	d.t.Helper()
	if d.frozen {
		d.do("fsfreeze", "--unfreeze", d.Dir)
		d.frozen = false
	}
}

// Fail makes the disk read-only, as the kernel does when it finds it damaged.
func (d *Disk) Fail() {
	d.t.Helper()
	source, err := exec.Command("findmnt", "-n", "-o", "SOURCE", d.Dir).Output()
	if err != nil {
		d.t.Fatal(err)
	}
	device := filepath.Base(strings.TrimSpace(string(source)))
	if err := os.WriteFile(filepath.Join("/sys/fs/ext4", device, "trigger_fs_error"), []byte("1"), 0); err != nil {
		d.t.Fatal(err)
	}
}

// Cut loses what has not been synced, as when the power fails, at once. What is written from then on fails with EIO.
func (d *Disk) Cut() {
	d.t.Helper()
	dir, err := os.Open(d.Dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer dir.Close()
	const shutdown, noLogFlush = 0x8004587d, 2 // FS_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH (linux/fs/ext4/ext4.h)
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), shutdown, noLogFlush); err != nil {
		d.t.Fatal(err)
	}
}

// Repair checks a disk that failed and mounts it again. Nobody has a file of it open.
func (d *Disk) Repair() {
	d.t.Helper()
	d.unmount(d.Dir)
	image := filepath.Join(d.host, "image")
	var exit *exec.ExitError
	if err := exec.Command("fsck.ext4", "-p", image).Run(); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) { // 1: mended
		d.t.Fatal(err)
	}
	d.do("mount", "-o", "loop,errors=remount-ro", image, d.Dir)
}

// Starve takes all space from the host: writes are taken, and cannot be brought to the disk. It is no full disk to who writes.
func (d *Disk) Starve() {
	d.t.Helper()
	f, err := os.Create(filepath.Join(d.host, "other"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(block)
	}
}

// Feed gives it back.
func (d *Disk) Feed() {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.host, "other")); err != nil {
		d.t.Fatal(err)
	}
}
