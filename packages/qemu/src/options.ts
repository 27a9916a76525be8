/** JSON where QEMU takes it: nothing in a value can end it. */
export const blockdev = (node: object): string[] => ['-blockdev', JSON.stringify(node)];
export const device = (properties: object): string[] => ['-device', JSON.stringify(properties)];
export const netdev = (properties: object): string[] => ['-netdev', JSON.stringify(properties)];
export const object = (properties: object): string[] => ['-object', JSON.stringify(properties)];

/** Character devices have no JSON form in QEMU 7.2. */
export function listener(id: string, socket: string): string[] {
  return ['-chardev', `socket,id=${id},path=${optionValue(socket)},server=on,wait=off`];
}

/** A value between commas: a comma in it is written twice. */
export const optionValue = (text: string): string => text.replaceAll(',', ',,');
