# complete.zsh NODE MAIN LINE: what zsh offers behind the line, one a line. An interactive zsh is asked by its own keys.
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PROMPT=; autoload -Uz compinit; compinit -u -D; vtep() { ${(q)1} ${(q)2} \"\$@\" }"
zpty -w z 'source <(vtep completion zsh)'
zpty -w z 'compadd() { local -a hits; builtin compadd -A hits "$@"; print -rl -- "<<"$^hits">>"; builtin compadd "$@" }'
zpty -w z 'done-line() { print -r -- "<<>>" }; zle -N done-line; bindkey "^X" done-line; bindkey "^I" complete-word'
zpty -w z 'print rea""dy'
zpty -r z said '*ready*'
zpty -w -n z "$3"$'\t\x18'
zpty -r z said '*<<>>*'
print -r -- "$said"
