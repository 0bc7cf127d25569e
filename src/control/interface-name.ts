/**
 * What the kernel takes as the name of an interface (`dev_valid_name`); `%d` is a name to be made up, and none yet. `all`
 * and `default` are folders of its settings (`net.ipv4.conf`). To the kernel a name ends at its first zero byte.
 */

export const INTERFACE_NAME = '1 to 15 bytes, no space, slash, colon or percent sign, not all or default';

/** As a schema says it, where characters are counted. */
export const INTERFACE_NAME_PATTERN = '^(?!(\\.{1,2}|all|default)$)[^\\s\\0/:%]{1,15}$';

const PATTERN = new RegExp(INTERFACE_NAME_PATTERN);

/** An interface can have further names. */
export const ANY_NAME = 'up to 127 bytes, no space, no slash';

export const ANY_NAME_PATTERN = '^[^\\s\\0/]{1,127}$';

const ANY = new RegExp(ANY_NAME_PATTERN);

export function isAnyName(word: string): boolean {
  return ANY.test(word) && Buffer.byteLength(word) <= 127;
}

export function isInterfaceName(word: string): boolean {
  return PATTERN.test(word) && Buffer.byteLength(word) <= 15;
}
