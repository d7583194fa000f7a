"""Pretended machines on this one: an address, processes, temporary and home folders and an sshd each.

A machine is a set of Linux namespaces (network, processes, mounts, host name). Their network is a bridge in a
namespace of its own, so that nothing of this machine's network is touched or reached. A machine ends when
its first process does, with all others, also when the process that made it dies.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

HOME = Path(pwd.getpwuid(0).pw_dir)
TEMPORARY = Path("/tmp")
PROGRAMS = ("ip", "unshare", "nsenter", "sshd", "ssh", "ssh-keygen", "rsync", "make", "bash")
SEARCHED = f"{HOME}/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# An environment of a machine on which the program is run at once, as if by who has set it up.
PROGRAMS_FIRST = {"PATH": "$HOME/venv/bin:$PATH"}
BOOT_TIMEOUT_S = 60
SSHD = """
HostKey /run/disk/host_key
AuthorizedKeysFile .ssh/authorized_keys
StrictModes no
UsePAM no
UseDNS no
PidFile none
PermitRootLogin yes
MaxStartups 100
"""
# The first process of a machine, which takes on orphans and ends when whoever made the machine does.
FIRST_PROCESS = """
set -e
hostname {name}
mount -t tmpfs tmpfs /run && mkdir /run/sshd
mount -t tmpfs tmpfs /dev/shm
{kept}
# Its disk may lie in a folder that is hidden from now on.
mkdir /run/disk && mount --rbind {disk} /run/disk
mount --bind /run/disk/hosts /etc/hosts
mount --bind /run/disk/resolv.conf /etc/resolv.conf
mount --rbind /run/disk/tmp /tmp
mount --rbind /run/disk/home {home}
cd {home}
$(command -v sshd) -f /run/disk/sshd_config -E /run/disk/sshd.log < /dev/null
echo up
read -r || true
"""
# What setup finds on a fresh machine of this network, which no registry can be reached from.
STAND_INS = {"sudo": '#!/bin/sh\nexec env "$@"\n', "apt-get": "#!/bin/sh\nexit 0\n"}


def lack() -> str:
    """Say why machines can't be pretended here; empty where they can."""
    if os.geteuid() != 0:
        return "machines are pretended by root alone"
    missing = [name for name in PROGRAMS if shutil.which(name, path=SEARCHED) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    name = f"orchestrator-{os.getpid()}-try"
    try:
        call("ip", "netns", "add", name)
        call("ip", "netns", "del", name)
    except AssertionError as error:
        return f"no network namespace can be made: {error}"
    return ""


def call(*line: object) -> str:
    """Run a program of this machine to a good end; return what it prints."""
    done = subprocess.run(
        [str(part) for part in line],
        env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SEARCHED}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout


@dataclass
class Machine:
    """One machine; `shown` are folders of this one that it sees, by their places on it."""

    name: str
    addresses: tuple[str, ...]
    disk: Path
    shown: dict[Path, Path]
    _process: "subprocess.Popen[str] | None" = None
    _started: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def address(self) -> str:
        """The address that it calls its own."""
        return self.addresses[0]

    @property
    def home(self) -> Path:
        """Its home folder, as this machine sees it."""
        return self.disk / "home"

    def boot(self) -> None:
        """Start it, with an empty temporary folder."""
        shutil.rmtree(self.disk / "tmp", ignore_errors=True)
        (self.disk / "tmp").mkdir(mode=0o1777)
        script = FIRST_PROCESS.format(name=self.name, disk=self.disk, home=HOME, kept=self._kept())
        apart = ("--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc")
        with (self.disk / "boot.log").open("w") as log:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, "unshare", *apart, "--uts", "--ipc", "bash", "-c", script],
                env={"HOME": str(HOME), "PATH": SEARCHED},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "up\n", (self.disk / "boot.log").read_text()

    def _kept(self) -> str:
        """Mounts of what it must see though it lies under folders that it has for itself."""
        lines = []
        for place, source in self.shown.items():
            for outer, inner in ((TEMPORARY, self.disk / "tmp"), (HOME, self.home)):
                if place.is_relative_to(outer):
                    there = inner / place.relative_to(outer)
                    lines.append(f"mkdir -p {there} && mount --rbind {source} {there}")
        return "\n".join(lines)

    def end(self) -> None:
        """End all its processes at once; others hear that their connections are closed."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate(timeout=BOOT_TIMEOUT_S)
        end = time.monotonic() + BOOT_TIMEOUT_S
        while call("ip", "netns", "pids", self.name).split():
            assert time.monotonic() < end, f"{self.name} still has processes"
            time.sleep(0.1)
        for started in self._started:
            started.wait(BOOT_TIMEOUT_S)
        self._process = None

    def vanish(self) -> None:
        """Take its network away, and then end it: nobody hears of it, as of a black hole.

        Its locks in shared folders end with it, as a file server takes back those of a client that is silent.
        """
        call("ip", "-n", self.name, "link", "set", "eth0", "down")
        self.end()

    def start(self, command: str) -> "Running":
        """Start a command of bash on it, by root, as in a terminal there."""
        assert self._process is not None, f"{self.name} is not running"
        first = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0]
        said = self.disk / f"said-{len(self._started)}.txt"
        line = f"cd {HOME}; source ~/.bashrc; {command}"
        into = ("--target", first, "--mount", "--net", "--pid", "--uts", "--ipc")
        clean = ("env", "-i", f"HOME={HOME}", f"PATH={SEARCHED}", "LANG=C.UTF-8", "USER=root", "TERM=dumb")
        # A file, since a pipe would stay open in what is left when the first process of these is killed.
        with said.open("w") as out:
            process = subprocess.Popen(
                ["nsenter", *into, *clean, "bash", "-c", line],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return Running(command, process, said)

    def run(self, command: str, *, timeout_s: float) -> str:
        """Run a command to a good end; return what it said."""
        return self.start(command).good_end(timeout_s=timeout_s)


@dataclass(frozen=True)
class Running:
    """A command on a machine."""

    command: str
    process: "subprocess.Popen[bytes]"
    out: Path

    def said(self) -> str:
        """Return what it has said so far."""
        return self.out.read_text(errors="replace")

    def end(self, *, timeout_s: float) -> int:
        """Wait until it ends; return its exit code."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.command} takes more than {timeout_s:g} s\n{self.said()}") from late

    def good_end(self, *, timeout_s: float) -> str:
        """Wait until it ends well; return what it said."""
        code = self.end(timeout_s=timeout_s)
        assert code == 0, f"{self.command}: exit {code}\n{self.said()}"
        return self.said()


@dataclass
class Network:
    """Machines that reach each other, and nothing else; `disks` is a folder for theirs.

    Each sees what runs this process's Python, and can be reached by `ssh` from all of them with `key`.
    """

    disks: Path
    shown: dict[Path, Path]
    machines: list[Machine] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the namespace of the bridge, which all others begin with."""
        return f"orchestrator-{os.getpid()}"

    @property
    def key(self) -> Path:
        """The private key that opens every machine."""
        return self.disks / "key"

    def lay(self) -> None:
        """Make the bridge and the key."""
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        call("ip", "netns", "add", self.name)
        call("ip", "-n", self.name, "link", "add", "bridge", "type", "bridge")
        call("ip", "-n", self.name, "link", "set", "bridge", "up")

    def add(
        self, *addresses: str, opened_by: str = "", environment: Mapping[str, str] = MappingProxyType({})
    ) -> Machine:
        """Make a machine with these addresses and start it.

        `opened_by` is one more public key; `environment` is what shells there have, in double quotes.
        """
        number = len(self.machines) + 1
        disk = self.disks / f"machine-{number}"
        machine = Machine(f"{self.name}-{number}", addresses, disk, {**python_folders(), **self.shown})
        self._write_disk(machine, opened_by, environment)
        self.machines.append(machine)
        name, port = machine.name, f"port{number}"
        call("ip", "netns", "add", name)
        call(
            *("ip", "-n", self.name, "link", "add", port),
            *("type", "veth", "peer", "name", "eth0", "netns", name),
        )
        call("ip", "-n", self.name, "link", "set", port, "master", "bridge", "up")
        for address in addresses:
            call("ip", "-n", name, "addr", "add", f"{address}/32", "dev", "eth0")
        for device in ("lo", "eth0"):
            call("ip", "-n", name, "link", "set", device, "up")
        # Each reaches all addresses directly.
        call("ip", "-n", name, "route", "add", "default", "dev", "eth0", "src", addresses[0])
        machine.boot()
        return machine

    def _write_disk(self, machine: Machine, opened_by: str, environment: Mapping[str, str]) -> None:
        home, venv = machine.home, machine.home / "venv"
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        (home / ".ssh" / "authorized_keys").write_text(
            self.key.with_suffix(".pub").read_text() + opened_by + "\n"
        )
        shutil.copy(self.key, home / ".ssh" / "id_ed25519")
        # Setup finds an environment that is newer than what it is made of.
        call(sys.executable, "-m", "venv", "--without-pip", venv)
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(venv)}))
        packages.joinpath("program.pth").write_text(f"{HOME / 'deepfakes'}\n{installed_packages()}\n")
        (venv / ".ready-cluster").touch()
        scripts = {"ray": f"#!{HOME}/venv/bin/python\nfrom ray.scripts.scripts import main\nmain()\n"}
        for folder, files in ((venv / "bin", scripts), (home / ".local" / "bin", STAND_INS)):
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / name).write_text(text)
                (folder / name).chmod(0o755)
        lines = {"PATH": SEARCHED, **environment}
        (home / ".bashrc").write_text("".join(f'export {name}="{value}"\n' for name, value in lines.items()))
        disk = machine.disk
        disk.joinpath("hosts").write_text(f"127.0.0.1 localhost\n{machine.address} {machine.name}\n")
        disk.joinpath("resolv.conf").write_text("")
        disk.joinpath("sshd_config").write_text(SSHD)
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", disk / "host_key")

    def close(self) -> None:
        """End everything."""
        for machine in self.machines:
            machine.end()
        for name in (*(machine.name for machine in self.machines), self.name):
            with contextlib.suppress(AssertionError):
                call("ip", "netns", "del", name)

    def left_over(self) -> list[str]:
        """Return what of it is still there."""
        spaces = [line.split()[0] for line in call("ip", "netns", "list").splitlines() if line.strip()]
        own = [name for name in spaces if name == self.name or name.startswith(f"{self.name}-")]
        return own + processes_that_name(self.disks)


def installed_packages() -> Path:
    """Return the folder of what is installed for this Python."""
    return Path(sysconfig.get_path("purelib")).resolve()


def python_folders() -> dict[Path, Path]:
    """Return the folders of this Python and of what is installed for it."""
    folders = {Path(sys.base_prefix).resolve(), installed_packages()}
    return {folder: folder for folder in folders}


def processes_that_name(folder: Path) -> list[str]:
    """Return the command lines, on this machine, in which a folder stands."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
    return [line for line in lines if str(folder) in line]


@contextlib.contextmanager
def network(disks: Path, shown: dict[Path, Path]) -> Iterator[Network]:
    """Give a network for the length of a block, and see that nothing of it stays."""
    made = Network(disks, shown)
    try:
        made.lay()
        yield made
    finally:
        made.close()
    assert not made.left_over()


def wait_for(what: str, is_so: Callable[[], object], *, timeout_s: float) -> None:
    """Wait until `is_so()` holds."""
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, f"{what}: not within {timeout_s:g} s"
        time.sleep(0.3)
