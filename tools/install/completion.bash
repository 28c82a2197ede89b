# Completion of Tandem's programs for bash. Options come from each program's own --help, commands from the server that is
# meant (-h, -p and -a on the line), so that neither list grows old here; directives from redis.conf (`make install` fills
# them in), which a test holds to the server's own table; those without a default stand only in its comments, so they are named.
_tandem_options() {
  "$1" --help 2>/dev/null | grep -oE '(^|[ ,])--?[a-z0-9][a-z0-9-]*' | tr -d ' ,' | sort -u
}

_tandem_cli() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} i
  local where=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -h | -p | -s | -a | --user | --pass) where+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}"); i=$((i + 1)) ;;
      -n | -r | -i | -d | -D | -u | -X | --show-pushes | --pattern | --pipe-timeout | --rdb) i=$((i + 1)) ;;
      -*) ;;
      *) return ;; # the command stands there already: what follows are its own words
    esac
  done
  case $before in
    -s | --rdb) COMPREPLY=($(compgen -f -- "$current")); return ;;
    -h) COMPREPLY=($(compgen -A hostname -- "$current")); return ;;
    -p | -a | -n | -r | -i | -d | -D | -u | -X | --user | --pass | --pattern | --pipe-timeout) return ;;
    --show-pushes) COMPREPLY=($(compgen -W "yes no" -- "$current")); return ;;
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$(_tandem_options "$program")" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$("$program" "${where[@]}" --no-auth-warning --raw COMMAND LIST 2>/dev/null)" -- "${current,,}"))
  fi
}

_tandem_server() {
  local current=${COMP_WORDS[COMP_CWORD]}
  if [[ $current == --* ]]; then
    COMPREPLY=($(compgen -W "--help --version --replicaof --slaveof --unixsocket --include @DIRECTIVES@" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}

_tandem_check() {
  local current=${COMP_WORDS[COMP_CWORD]}
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "--fix --truncate-to-timestamp --help --version" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}

complete -F _tandem_cli tandem-cli
complete -F _tandem_server -o filenames tandem-server
complete -F _tandem_check -o filenames tandem-check-aof tandem-check-rdb
