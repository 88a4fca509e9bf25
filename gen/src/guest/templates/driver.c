// Calls LOGLOOM_FUNCTION, of a file that is included before this one, for every pair of operands of LOGLOOM_BITS bits, in the order of
// their patterns and then backwards. Writes a product per line and `end`, or why it stops: `differs A B FIRST SECOND`, `stopped
// SIGNAL A B`. Names are such as that file will not have.
#undef main
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOGLOOM_OPERANDS (1ll << LOGLOOM_BITS)

_Static_assert(_Generic(LOGLOOM_FUNCTION(0, 0), _Bool: 1, char: 1, signed char: 1, unsigned char: 1, short: 1, unsigned short: 1,
                        int: 1, unsigned: 1, long: 1, unsigned long: 1, long long: 1, unsigned long long: 1, default: 0),
               "its products are no integers");

static FILE* logloom_results;
static const char* logloom_path;
static volatile long long logloom_moving, logloom_stationary;
static char logloom_stack[1 << 16];

static long long logloom_Operand(long long pattern) {
  return LOGLOOM_SIGNED && pattern >= LOGLOOM_OPERANDS / 2 ? pattern - LOGLOOM_OPERANDS : pattern;
}

static void logloom_Stop(int number) {
  const char* name = number == SIGALRM ? "alarm"
                     : number == SIGSEGV ? "segmentation-fault"
                     : number == SIGFPE ? "arithmetic-exception"
                     : number == SIGABRT ? "abort"
                     : number == SIGILL ? "illegal-instruction"
                                         : "bus-error";
  FILE* file = fopen(logloom_path, "w");
  if (file) {
    fprintf(file, "stopped %s %lld %lld\n", name, logloom_moving, logloom_stationary);
    fflush(file);
  }
  _exit(1);
}

static long long logloom_Product(long long logloom_pair) {
  logloom_moving = logloom_Operand(logloom_pair / LOGLOOM_OPERANDS);
  logloom_stationary = logloom_Operand(logloom_pair % LOGLOOM_OPERANDS);
  return (long long)LOGLOOM_FUNCTION(logloom_moving, logloom_stationary);
}

int main(int count, char** arguments) {
  static const int kSignals[] = {SIGALRM, SIGSEGV, SIGFPE, SIGABRT, SIGILL, SIGBUS};
  if (count != 2) return 2;
  logloom_path = arguments[1];
  stack_t alternate = {.ss_sp = logloom_stack, .ss_size = sizeof logloom_stack};
  sigaltstack(&alternate, NULL);
  for (unsigned i = 0; i < sizeof kSignals / sizeof *kSignals; ++i) {
    struct sigaction action = {.sa_handler = logloom_Stop, .sa_flags = SA_ONSTACK};
    sigaction(kSignals[i], &action, NULL);
  }
  alarm(LOGLOOM_SECONDS);
  const long long pairs = LOGLOOM_OPERANDS * LOGLOOM_OPERANDS;
  long long* products = malloc(pairs * sizeof *products);
  if (!products) return 2;
  for (long long pair = 0; pair < pairs; ++pair) products[pair] = logloom_Product(pair);
  logloom_results = fopen(logloom_path, "w");
  if (!logloom_results) return 2;
  for (long long pair = pairs; pair-- > 0;) {
    const long long product = logloom_Product(pair);
    if (product == products[pair]) continue;
    fprintf(logloom_results, "differs %lld %lld %lld %lld\n", logloom_moving, logloom_stationary, products[pair], product);
    fclose(logloom_results);
    return 1;
  }
  for (long long pair = 0; pair < pairs; ++pair) fprintf(logloom_results, "%lld\n", products[pair]);
  fprintf(logloom_results, "end\n");
  return fclose(logloom_results) == 0 ? 0 : 2;
}
