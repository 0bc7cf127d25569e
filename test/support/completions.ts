/** What is completed: the words after `vtep`, the last of them begun, and all that may stand in its place. */
export const COMPLETIONS: [string[], string[]][] = [
  [['link', 'a'], ['add']],
  [['li'], ['link']],
  [
    ['fdb', ''],
    ['add', 'append', 'replace', 'delete', 'get', 'show', 'flush'],
  ],
  [['-j', 'fdb', 'ap'], ['append']],
  [['-de'], ['-details']],
  [
    ['link', 'add', 'vx0', 'df', ''],
    ['unset', 'set', 'inherit'],
  ],
  [['link', 'add', 'vx0', 'type', ''], ['vxlan']],
  [['l', 's', 'vx0', 'inn'], ['innervlan']],
  [['link', 'add', 'vx0', 'nole'], ['nolearning']],
  [['link', 'add', 'vx0', 'srcport', '1', ''], []],
  [['fdb', 'add', '02:00:00:00:00:01', 'dev', 'l'], ['lo']],
  [['fdb', 'flush', 'dev', 'vx0', 'nop'], ['nopermanent']],
  [['run', 'vx0', '--tra'], ['--transport']],
  [
    ['run', 'vx0', '--transport', ''],
    ['native', 'dgram'],
  ],
  [['monitor', 'm'], ['miss']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [
    ['help', ''],
    [
      ...['link', 'fdb', 'neigh', 'vni', 'monitor', 'daemon', 'stop', 'check', 'config', 'reload', 'run'],
      ...['flannel', 'exec', 'completion', 'help'],
    ],
  ],
  [['link', 'help', ''], []],
  [['link', 'add', 'vx0', 'nor'], ['norsc']],
  [['link', 'set', 'dev', 'l'], ['lo']],
  [['monitor', 'l'], ['link']],
  [['bogus', ''], []],
];
