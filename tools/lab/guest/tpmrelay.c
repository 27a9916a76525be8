/* Relays whole TPM 2.0 commands between a virtio-serial port and the kernel's resource manager, so that programs on the
 * outside can talk to the TPM that measured this machine's boot:
 *   tpmrelay /dev/tpmrm0 /dev/vport1p2
 * Many clients share the one port, and each has the resource manager opened for itself. So before each command stands a
 * header with tag 0 that names the client in its code field; one with tag 1 says that the client has gone, and what it
 * left in the TPM goes with it. Neither is answered. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 10, LARGEST = 4096, CLIENTS = 16, IS_NEXT = 0, HAS_GONE = 1 };
static const uint8_t failure[HEADER] = {0x80, 0x01, 0, 0, 0, HEADER, 0, 0, 0x01, 0x01}; /* TPM_RC_FAILURE */

static uint32_t u32(const uint8_t *b) { return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]; }

static int read_all(int fd, uint8_t *to, size_t size) {
  for (size_t got = 0; got < size;) {
    ssize_t n = read(fd, to + got, size - got);
    if (n < 0) return -1;
    if (n == 0) usleep(20000); /* nobody at the other end yet */
    got += (size_t)n;
  }
  return 0;
}

static int write_all(int fd, const uint8_t *from, size_t size) {
  for (size_t sent = 0; sent < size;) {
    ssize_t n = write(fd, from + sent, size - sent);
    if (n < 0) return -1;
    sent += (size_t)n;
  }
  return 0;
}

int main(int argc, char **argv) {
  static uint8_t bytes[LARGEST];
  int tpm[CLIENTS], client = 0, port = argc == 3 ? open(argv[2], O_RDWR) : -1;
  for (int i = 0; i < CLIENTS; i++) tpm[i] = -1;
  while (read_all(port, bytes, HEADER) == 0) {
    uint32_t tag = (uint32_t)bytes[0] << 8 | bytes[1], size = u32(bytes + 2), code = u32(bytes + 6);
    if (size < HEADER || size > LARGEST || read_all(port, bytes + HEADER, size - HEADER)) break;
    if (tag == IS_NEXT || tag == HAS_GONE) {
      if (code >= CLIENTS) break;
      client = (int)code;
      if (tag == IS_NEXT && tpm[client] < 0) tpm[client] = open(argv[1], O_RDWR);
      if (tag == HAS_GONE && tpm[client] >= 0) tpm[client] = (close(tpm[client]), -1);
      continue;
    }
    ssize_t answer = write(tpm[client], bytes, size) == (ssize_t)size ? read(tpm[client], bytes, sizeof bytes) : -1;
    if (answer < HEADER) memcpy(bytes, failure, answer = HEADER);
    if (write_all(port, bytes, (size_t)answer)) break;
  }
  perror("tpmrelay ended");
  return 1;
}
