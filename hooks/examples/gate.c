/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A gate: the machine starts only while a switch is closed. Runs at any point; gate.hook
 * declares nothing but its deadline, as everybody may read the file. */
#include <stdio.h>

#ifndef SWITCH
#define SWITCH "/sys/class/gpio/gpio17/value"
#endif

int main(void)
{
	FILE *f = fopen(SWITCH, "re");
	int c = f ? getc(f) : EOF;

	printf("fact switch %s\n", c == '1' ? "closed" : c == '0' ? "open" : "unknown");
	puts(c == '1' ? "continue" : "refuse the lid is open: close it and start the machine again");
	return 0;
}
