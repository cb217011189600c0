# Run by prove.sh as somebody who has just cloned the repository into ~/bkg.
cd "$HOME/bkg" || exit 1

now() { node -p 'Date.now() / 1000'; }
seconds() { node -p "($2 - $1).toFixed(1)"; }
fail() {
  echo "  $1; the last lines of $2:"
  tail -n 30 "$2"
  exit 1
}

start() { # <name>
  log=$HOME/start-$1.log
  : > "$log"
  before=$(now)
  npm start > "$log" 2>&1 &
  npm_pid=$!
  until grep -q 'bkg is up' "$log"; do
    kill -0 "$npm_pid" 2> /dev/null || fail "npm start ($1) ended" "$log"
    sleep 0.05
  done
  after=$(now)
  status=$(node -p "fetch('http://localhost:$BKG_PORT/plugins', { headers: { accept: 'text/html' } }).then(({ status }) => console.log(status)), ''" | tr -d '\n')
  [ "$status" = 200 ] || fail "the dashboard answers $status" "$log"
  kill "$(sed -n 's/.*SIGTERM to process \([0-9]*\).*/\1/p' "$log")"
  wait "$npm_pid" || fail "npm start ($1) ended with $?" "$log"
  echo "  npm start, $1: $(seconds "$before" "$after") s until the dashboard is there"
}

check() { # <name>
  log=$HOME/test-$1.log
  before=$(now)
  npm test > "$log" 2>&1 || fail "npm test ($1) failed" "$log"
  echo "  npm test, $1: $(seconds "$before" "$(now)") s, $(tail -n 1 "$log")"
}

start cold
start warm
# As root it is the same program on the same files: its tests are not run twice.
[ "$USER" = root ] || check cold
