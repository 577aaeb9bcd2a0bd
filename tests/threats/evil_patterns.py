"""Regular expressions known to take exponential or polynomial time in engines that go back, with what sets them off:
a pattern, what to repeat, and what to end with."""

_A = [
    r"(a+)+$", r"([a-zA-Z]+)*$", r"(a|aa)+$", r"(a|a?)+$", r"(.*a){25}$", r"^(a+)+b", r"^(a*)*b", r"^(a|a)*b",
    r"^((a+)+)+$", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(a*a*)*b", r"(a?){40}a{40}", r"(([a-z]+)+[0-9]?)+$",
    r"^(?:(?:a+)+b?)+$", r"(.+)+\n", r"^(.*)*$x", r"((a{1,50}){1,50}){1,50}b", r"a*a*a*a*a*a*b", r".*.*.*=.*",
    r"(a+b?)+c", r"^(a?a?a?)*b", r"(?i)(A+)+$", r"^([\s\S]*)*z", r"((\w)\w*)*!", r"(.*)(.*)(.*)(.*)(.*)x", r"(a)\1+",
    r"(?=(a+))a*b", r"(?<=a)b", r"(?R)", r"(?>a+)+b", r"a++b", r"(?(1)a|b)", r"^(\w+\s?)*$", r"[a-z]*[a-z]*[a-z]*[0-9]",
    r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}", r'"(\\.|[^"])*"x', r"(\w*\w*)*!$",
]  # fmt: skip
_OTHERS = [
    (r"(x+x+)+y", "x"), (r"^(\d+)*$", "1"), (r"^([0-9]+)*[a-z]", "0"), (r"(\s*\S+)*$", "a "), (r"^(\.|[^.])*b$", "."),
    (r"(?:a|b|ab)*c", "ab"), (r"\s+$", " "), (r"^\s+|\s+$", " "), (r"(\s|\n)+;", " "), (r"<(\w+\s*)*>", "w "),
    (r"(https?://)?([\w.-]+)+/$", "w."), (r"^(([^<>()]+)(\.[^<>()]+)*)+@", "a."), (r"(ab*)+c", "ab"),
    (r"(0|00|000)+1", "0"), (r"(^|,)(\w+,?)*;", "w,"), (r"^(,?[^,]+)*;", ",a"), (r"([^=]+=?)*;", "a="),
    (r"(\d+(\.\d+)?,?)+x", "1.1,"), (r"([a-c]+[b-d]+)+e", "bc"),
    (r"(a|b|c|d|e|f)*g{3}", "abcdef"), (r"(?:.*,){30}x", ","),
]  # fmt: skip

EVIL = [(pattern, "a", "!") for pattern in _A] + [(pattern, repeated, "?") for pattern, repeated in _OTHERS]
