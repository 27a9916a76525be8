import type { Line } from './assemble.ts';

// In all of this rbx keeps EFI_SYSTEM_TABLE, rsi EFI_BOOT_SERVICES, rdi what a part works with, rbp a number to be said.
// Calls are as in UEFI 2.10, 2.3.4.2: arguments in rcx, rdx, r8, r9, the fifth on the stack above 32 bytes that belong to
// the called; status in rax, 0 for success; rbx, rbp, rsi and rdi survive. Tables and their order: UEFI 2.10, 4.3 to 4.5.

/** Where the program begins: says `message`. */
export const BEGIN: readonly Line[] = [
  ['48 83 ec 48', 'sub rsp, 72              room for any call; with the return address a multiple of 16'],
  ['48 89 cf', 'mov rdi, rcx             ImageHandle'],
  ['48 89 d3', 'mov rbx, rdx             SystemTable'],
  ['48 8b 72 60', 'mov rsi, [rdx+0x60]      SystemTable->BootServices'],
  ['31 c9', 'xor ecx, ecx             Timeout 0: none, else the machine is reset after five minutes'],
  ['31 d2', 'xor edx, edx             WatchdogCode'],
  ['45 31 c0', 'xor r8d, r8d             DataSize'],
  ['45 31 c9', 'xor r9d, r9d             WatchdogData'],
  ['ff 96 00 01 00 00', 'call [rsi+0x100]         SetWatchdogTimer'],
  ['48 8d 15 @message', 'lea rdx, [message]'],
  ['e8 @print', 'call print'],
];

/** The argument of ReadBlocks and WriteBlocks, which rdi, an EFI_BLOCK_IO_PROTOCOL, has at 0x18 and 0x20. */
const transferSector = (call: Line): readonly Line[] => [
  ['48 89 f9', 'mov rcx, rdi             This'],
  ['48 8b 47 08', 'mov rax, [rdi+8]         This->Media'],
  ['8b 10', 'mov edx, [rax]           Media->MediaId'],
  ['41 b8 01 00 00 00', 'mov r8d, 1               LBA: the spare sector of fat.ts'],
  ['41 b9 00 02 00 00', 'mov r9d, 512             BufferSize'],
  ['48 8d 05 @sector', 'lea rax, [sector]'],
  ['48 89 44 24 20', 'mov [rsp+32], rax        Buffer'],
  call,
  ['48 85 c0', 'test rax, rax'],
  ['0f 85 @diskFailed', 'jne diskFailed'],
];

/** HandleProtocol on the handle in rcx; rax is the protocol then. */
const handleProtocol = (guid: string): readonly Line[] => [
  [`48 8d 15 @${guid}`, `lea rdx, [${guid}]`],
  ['4c 8d 05 @interface', 'lea r8, [interface]'],
  ['ff 96 98 00 00 00', 'call [rsi+0x98]          HandleProtocol'],
  ['48 85 c0', 'test rax, rax'],
  ['0f 85 @diskFailed', 'jne diskFailed'],
  ['48 8b 05 @interface', 'mov rax, [interface]'],
];

/** Adds one to the number in the spare sector of the disk this was loaded from. EFI_BLOCK_IO_PROTOCOL: UEFI 2.10, 13.9. */
export const COUNT_ON_DISK: readonly Line[] = [
  ['48 89 f9', 'mov rcx, rdi             ImageHandle'],
  ...handleProtocol('loadedImageGuid'),
  ['48 8b 48 18', 'mov rcx, [rax+0x18]      LoadedImage->DeviceHandle'],
  ...handleProtocol('blockIoGuid'),
  ['48 89 c7', 'mov rdi, rax'],
  ...transferSector(['ff 57 18', 'call [rdi+0x18]          ReadBlocks']),
  ['48 ff 05 @sector', 'inc [sector]'],
  ...transferSector(['ff 57 20', 'call [rdi+0x20]          WriteBlocks']),
  ['48 89 f9', 'mov rcx, rdi'],
  ['ff 57 28', 'call [rdi+0x28]          FlushBlocks'],
  ['48 85 c0', 'test rax, rax'],
  ['0f 85 @diskFailed', 'jne diskFailed'],
  ['48 8b 2d @sector', 'mov rbp, [sector]'],
  ['48 8d 15 @diskBoots', 'lea rdx, [diskBoots]'],
  ['e9 @diskSaid', 'jmp diskSaid'],
  ['diskFailed:', 'rax is the status'],
  ['48 89 c5', 'mov rbp, rax'],
  ['48 8d 15 @diskError', 'lea rdx, [diskError]'],
  ['diskSaid:', ''],
  ['e8 @printNumber', 'call printNumber'],
];

/** Adds one to the number in a variable of ours. GetVariable, SetVariable: UEFI 2.10, 8.2. */
export const COUNT_IN_NVRAM: readonly Line[] = [
  ['48 8b 7b 58', 'mov rdi, [rbx+0x58]      SystemTable->RuntimeServices'],
  ['48 8d 0d @variableName', 'lea rcx, [variableName]'],
  ['48 8d 15 @variableGuid', 'lea rdx, [variableGuid]'],
  ['45 31 c0', 'xor r8d, r8d             Attributes: not asked for'],
  ['4c 8d 0d @variableSize', 'lea r9, [variableSize]'],
  ['48 8d 05 @variable', 'lea rax, [variable]'],
  ['48 89 44 24 20', 'mov [rsp+32], rax        Data'],
  ['ff 57 48', 'call [rdi+0x48]          GetVariable'],
  ['48 85 c0', 'test rax, rax'],
  ['0f 84 @variableRead', 'je variableRead'],
  ['48 b9 0e 00 00 00 00 00 00 80', 'movabs rcx, EFI_NOT_FOUND   the first boot: the number is 0'],
  ['48 39 c8', 'cmp rax, rcx'],
  ['0f 85 @variableFailed', 'jne variableFailed'],
  ['variableRead:', ''],
  ['48 ff 05 @variable', 'inc [variable]'],
  ['48 8d 0d @variableName', 'lea rcx, [variableName]'],
  ['48 8d 15 @variableGuid', 'lea rdx, [variableGuid]'],
  ['41 b8 03 00 00 00', 'mov r8d, 3               Attributes: non-volatile, boot service access'],
  ['41 b9 08 00 00 00', 'mov r9d, 8               DataSize'],
  ['48 8d 05 @variable', 'lea rax, [variable]'],
  ['48 89 44 24 20', 'mov [rsp+32], rax        Data'],
  ['ff 57 58', 'call [rdi+0x58]          SetVariable'],
  ['48 85 c0', 'test rax, rax'],
  ['0f 85 @variableFailed', 'jne variableFailed'],
  ['48 8b 2d @variable', 'mov rbp, [variable]'],
  ['48 8d 15 @nvramBoots', 'lea rdx, [nvramBoots]'],
  ['e9 @variableSaid', 'jmp variableSaid'],
  ['variableFailed:', 'rax is the status'],
  ['48 89 c5', 'mov rbp, rax'],
  ['48 8d 15 @nvramError', 'lea rdx, [nvramError]'],
  ['variableSaid:', ''],
  ['e8 @printNumber', 'call printNumber'],
];

/**
 * Waits for the power button of q35's chipset, which firmware itself does not serve; halted between timer interrupts, so that
 * the machine needs next to no processor time. ICH9's PM1 registers (ACPI 6.5, 4.8.3.1) are where OVMF puts them, at 0x600.
 */
export const WAIT_FOR_POWER_BUTTON: readonly Line[] = [
  ['48 8d 15 @stays', 'lea rdx, [stays]'],
  ['e8 @print', 'call print'],
  ['66 ba 02 06', 'mov dx, 0x602            PM1_EN'],
  ['66 b8 00 01', 'mov ax, 0x100            PWRBTN_EN'],
  ['66 ef', 'out dx, ax'],
  ['66 ba 00 06', 'mov dx, 0x600            PM1_STS'],
  ['waiting:', ''],
  ['f4', 'hlt'],
  ['66 ed', 'in ax, dx'],
  ['f6 c4 01', 'test ah, 1               PWRBTN_STS'],
  ['0f 84 @waiting', 'je waiting'],
];

export const SHUT_DOWN: readonly Line[] = [
  ['48 8b 7b 58', 'mov rdi, [rbx+0x58]      SystemTable->RuntimeServices'],
  ['b9 02 00 00 00', 'mov ecx, 2               EfiResetShutdown'],
  ['31 d2', 'xor edx, edx             ResetStatus'],
  ['45 31 c0', 'xor r8d, r8d             DataSize'],
  ['45 31 c9', 'xor r9d, r9d             ResetData'],
  ['ff 57 68', 'call [rdi+0x68]          ResetSystem: does not return'],
];

export const SUBROUTINES: readonly Line[] = [
  ['printNumber:', 'the text at rdx, then rbp in hex and a line end'],
  ['48 83 ec 28', 'sub rsp, 40'],
  ['e8 @print', 'call print'],
  ['48 8d 15 @digits', 'lea rdx, [digits]'],
  ['b9 10 00 00 00', 'mov ecx, 16'],
  ['digit:', ''],
  ['48 c1 c5 04', 'rol rbp, 4               the next four bits from the left'],
  ['89 e8', 'mov eax, ebp'],
  ['83 e0 0f', 'and eax, 15'],
  ['4c 8d 05 @alphabet', 'lea r8, [alphabet]'],
  ['41 0f b6 04 00', 'movzx eax, [r8+rax]'],
  ['66 89 02', 'mov [rdx], ax'],
  ['48 83 c2 02', 'add rdx, 2'],
  ['ff c9', 'dec ecx'],
  ['0f 85 @digit', 'jne digit'],
  ['48 8d 15 @digits', 'lea rdx, [digits]'],
  ['48 83 c4 28', 'add rsp, 40'],
  ['print:', 'the text at rdx'],
  ['48 8b 4b 40', 'mov rcx, [rbx+0x40]      SystemTable->ConOut'],
  ['ff 61 08', 'jmp [rcx+8]              OutputString, which returns to whom called print'],
];
