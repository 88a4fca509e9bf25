// Calls FUNCTION for every pair of operands of BITS bits, in the order of their patterns and then backwards. Writes a product
// per line and `end`, or why it stops: `differs A B FIRST SECOND`, `stopped SIGNAL A B`.
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OPERANDS (1ll << BITS)

static FILE* results;
static const char* path;
static volatile long long moving, stationary;
static char stack[1 << 16];

static long long Operand(long long pattern) {
  return SIGNED && pattern >= OPERANDS / 2 ? pattern - OPERANDS : pattern;
}

static void Stop(int number) {
  const char* name = number == SIGALRM ? "alarm"
                     : number == SIGSEGV ? "segmentation-fault"
                     : number == SIGFPE ? "arithmetic-exception"
                     : number == SIGABRT ? "abort"
                     : number == SIGILL ? "illegal-instruction"
                                         : "bus-error";
  FILE* file = fopen(path, "w");
  if (file) {
    fprintf(file, "stopped %s %lld %lld\n", name, moving, stationary);
    fflush(file);
  }
  _exit(1);
}

static long long Product(long long pair) {
  moving = Operand(pair / OPERANDS);
  stationary = Operand(pair % OPERANDS);
  return (long long)FUNCTION(moving, stationary);
}

int main(int count, char** arguments) {
  static const int kSignals[] = {SIGALRM, SIGSEGV, SIGFPE, SIGABRT, SIGILL, SIGBUS};
  if (count != 2) return 2;
  path = arguments[1];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  for (unsigned i = 0; i < sizeof kSignals / sizeof *kSignals; ++i) {
    struct sigaction action = {.sa_handler = Stop, .sa_flags = SA_ONSTACK};
    sigaction(kSignals[i], &action, NULL);
  }
  alarm(SECONDS);
  const long long pairs = OPERANDS * OPERANDS;
  long long* products = malloc(pairs * sizeof *products);
  if (!products) return 2;
  for (long long pair = 0; pair < pairs; ++pair) products[pair] = Product(pair);
  results = fopen(path, "w");
  if (!results) return 2;
  for (long long pair = pairs; pair-- > 0;) {
    const long long product = Product(pair);
    if (product == products[pair]) continue;
    fprintf(results, "differs %lld %lld %lld %lld\n", moving, stationary, products[pair], product);
    fclose(results);
    return 1;
  }
  for (long long pair = 0; pair < pairs; ++pair) fprintf(results, "%lld\n", products[pair]);
  fprintf(results, "end\n");
  return fclose(results) == 0 ? 0 : 2;
}
