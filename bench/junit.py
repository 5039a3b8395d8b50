#!/usr/bin/env python3
"""Writes a JUnit report as a large build makes it: junit.py CASES > report.xml

100 cases a suite; of 100 cases, two failed with a stack trace and one was skipped. About 260 bytes a case, always
the same bytes for the same number. A second number makes the durations differ, as between two runs of one build.
"""
import random
import sys

cases = int(sys.argv[1])
rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
out = sys.stdout
out.write('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n')
for first in range(0, cases, 100):
    suite = f"com.example.shop.checkout.module{first // 10000:03}.CheckoutOfBasketTest{first // 100:04}"
    n = min(100, cases - first)
    out.write(f'  <testsuite name="{suite}" tests="{n}" failures="{n // 50}" errors="0" skipped="{n // 100}" '
              f'timestamp="2026-11-20T08:15:{first // 100 % 60:02}" hostname="ci-{first // 100 % 8}">\n')
    for i in range(first, first + n):
        name = f"places an order with {i % 100 + 1} items and voucher {i:06}"
        out.write(f'    <testcase name="{name}" classname="{suite}" file="src/test/java/{suite.replace(".", "/")}.java" '
                  f'time="{rng.uniform(0.001, 0.4):.3f}"')
        if i % 50 == 7:
            out.write('>\n      <failure message="expected: &lt;200&gt; but was: &lt;503&gt;" type="org.opentest4j.AssertionFailedError">'
                      "org.opentest4j.AssertionFailedError: expected: &lt;200&gt; but was: &lt;503&gt;\n")
            for depth in range(8):
                out.write(f"\tat {suite}.step{depth}(CheckoutOfBasketTest{first // 100:04}.java:{40 + depth})\n")
            out.write("</failure>\n    </testcase>\n")
        elif i % 100 == 42:
            out.write('><skipped message="no voucher service on this stage"/></testcase>\n')
        else:
            out.write("/>\n")
    out.write("  </testsuite>\n")
out.write("</testsuites>\n")
