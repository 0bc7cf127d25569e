/** What the kernel takes as the name of an interface (`dev_valid_name`); `%d` is a name to be made up, and none yet. */

export const INTERFACE_NAME = '1 to 15 bytes, no space, slash, colon or percent sign';

/** As a schema says it, where characters are counted. */
export const INTERFACE_NAME_PATTERN = '^(?!\\.{1,2}$)[^\\s/:%]{1,15}$';

const PATTERN = new RegExp(INTERFACE_NAME_PATTERN);

export function isInterfaceName(word: string): boolean {
  return PATTERN.test(word) && Buffer.byteLength(word) <= 15;
}
