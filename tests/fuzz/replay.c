/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a target on files, for compilers without libFuzzer: the kept inputs are
 * tried in every test run, and new ones only by `make fuzz`.
 *
 * usage: replay_<target> FILE...
 */
#include "bytes.h"

#define BYTES_MAX 65536

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        uint8_t *data = malloc(BYTES_MAX);
        FILE *f = fopen(argv[i], "rb");
        size_t size;
        uint8_t *exact;

        if (!f || !data) {
            perror(argv[i]);
            return 1;
        }
        size = fread(data, 1, BYTES_MAX, f);
        fclose(f);
        exact = malloc(size ? size : 1); /* to the byte, for the sanitizer */
        CHECK(exact);
        for (size_t k = 0; k < size; k++) {
            exact[k] = data[k];
        }
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        free(data);
    }
    printf("%d inputs\n", argc - 1);
    return argc < 2;
}
