"""The rules by which `screen` tells that text gives orders to a language model: one table, patterns with weights.

In a pattern, `<n>` is a gap of up to n words, and the names below in angle brackets stand for what they say. Patterns
are matched against lower case, near one of their stems (alternatives divided by "|"). Every repetition is bounded, so
that no text makes matching slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """Weighs `weight` where `pattern` matches near one of `stems`; of rules with one name, the heaviest counts."""

    name: str
    weight: float
    stems: tuple[str, ...]
    pattern: re.Pattern[str]


_NAMES = {
    # A machine that reads, by words that may also mean a person, and by words that may not.
    "machine": r"(?:<ai>|assistants?|summari[sz]ers?|bots?|copilot|asistentes?)\b",
    "ai": r"(?:a\.?i\.?(?:[ -](?:assistants?|models?|systems?|agents?|tools?|chatbots?))?|(?:large )?language models?"
    r"|llms?|chatbots?|chatgpt|ki(?:-(?:assistent\w*|modelle?|systeme?))?|sprachmodelle?|(?:les )?modèles? de langage"
    r"|modelos? de lenguaje|(?:los )?asistentes? de ia|assistente? ia|ia)",
    "machines": "assistant|language model|llm|chatbot|chatgpt| ai|a.i|asistente|sprachmodell| ki|modèle| ia|modelo|bot"
    "|summari",
    "output": r"your (?:next |final |own |entire |whole )?(?:response|answer|reply|output|summary)(?:'s)?\b",
    "placed": r"(?:in|to|into|of|with|within|from|at the (?:end|start|beginning) of)",
}
_GAP = re.compile(r"<(\d)>")


def _rule(name: str, weight: float, stems: str, pattern: str) -> Rule:
    for key in ("machine", "ai", "output", "placed"):
        pattern = pattern.replace(f"<{key}>", _NAMES[key])
    pattern = _GAP.sub(r"(?:\\W{1,4}\\w{1,20}){0,\1}?\\W{1,4}", pattern)
    stems = stems.replace("<machines>", _NAMES["machines"])
    return Rule(name, weight, tuple(stems.split("|")), re.compile(pattern))


RULES = (
    # To disregard one's instructions.
    _rule("override", 1.0, "ignor|disregard|forget|overrid|overrul|set aside|bypass|discard",
        r"\b(?<!not )(?<!n't )(?<!never )(?<!can )(?<!may )(?<!will )(?:ignor(?:e|ing)|disregard(?:ing)?|forget"
        r"|overrid(?:e|ing)|overrule|set aside|bypass|discard)<4>(?:previous|previously|prior|preceding|earlier"
        r"|foregoing|former|your|system|original|initial)\b<3>(?:instructions?|prompts?|directives?|guidelines"
        r"|commands?|programming|training|guardrails|system messages?)\b"),
    _rule("override", 1.0, "above|before",
        r"\b(?<!can )(?<!may )(?:ignore|disregard|forget)<3>(?:instructions?|prompts?|directives?|commands?)"
        r"<2>(?:above|before)\b"),
    _rule("override", 0.7, "instruction|prompt|guideline|rules|restriction",
        r"\b(?<!can )(?<!may )(?:ignore|disregard|forget|overrid(?:e|ing)|bypass)<2>(?:all|any|every|above"
        r"|other)\b<2>(?:instructions?|prompts?|guidelines|rules|restrictions)\b"),
    _rule("override", 1.0, "told|given|said|instructed",
        r"\b(?:ignore|disregard|forget) (?:everything|anything|all|whatever|what)<3>(?:told|given|said|instructed"
        r"|before|above)\b"),
    _rule("override", 1.0, "instruction|prompt",
        r"\b(?:do not|don't|stop|no longer|never) (?:follow(?:ing)?|obey(?:ing)?|comply(?:ing)? with)"
        r"<2>(?:previous|prior|earlier|original|system|developer)<1>(?:instructions?|prompts?|messages?)\b"),
    _rule("override", 1.0, "anweisung|instruktion|vorgaben|befehle|anordnung",
        r"\b(?:ignorier(?:e|en)|vergiss|vergessen|missachte[n]?|verwirf|verwerfen)<4>(?:vorherig\w*|bisherig\w*"
        r"|obig\w*|vorangegangen\w*|vorhergehend\w*|früher\w*|alle|sämtliche|deine|ihre)\b<3>(?:anweisung(?:en)?"
        r"|instruktionen|vorgaben|befehle|anordnungen|systemanweisung(?:en)?)\b"),
    _rule("override", 1.0, "instructions|consignes|directives|ordres",
        r"\b(?:ignore[zr]?|oublie[zr]?|négligez?|ne tiens pas compte de|ne tenez pas compte des?)"
        r"<4>(?:instructions|consignes|directives|ordres)<2>(?:précédent\w*|antérieur\w*|ci-dessus|reçue?s"
        r"|initiales?)\b"),
    _rule("override", 1.0, "instrucciones|indicaciones|órdenes|instrucción",
        r"\b(?:ignor[ae]|olvid[ae]|descart[ae]|omit[ae]|ha[zg]a? caso omiso de|no sigas)<4>(?:instrucciones"
        r"|indicaciones|órdenes)<2>(?:anterior\w*|previas?|precedentes|iniciales)\b"),
    _rule("override", 1.0, "忽略|无视|忽視|無視",
        r"(?:忽略|无视|忽視|無視)\W{0,2}\w{0,8}(?:指令|指示|提示|说明|命令)"),
    # Forged roles and control tokens.
    _rule("forged", 1.0, "<",
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|start_header_id|eot_id|end)\|>"),
    _rule("forged", 1.0, "[inst]|<<sys>>|[/inst]|start_of_turn",
        r"\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>"),
    _rule("forged", 1.0, "system",
        r"(?:^|\n)\W{0,6}(?:begin |new |updated )?system (?:prompt|message|override|instructions?)\W{0,4}[:\n]"),
    _rule("forged", 0.5, "system",
        r"(?:^|\n)\W{0,6}system\W{0,3}:"),
    _rule("forged", 0.6, "assistant|instruction",
        r"(?:^|\n)\W{0,4}(?:ai |### )?(?:assistant|instruction)\W{0,2}[:\n]"),
    _rule("turn", 0.4, "user:|human:",
        r"(?:^|\n)\W{0,4}(?:user|human):"),
    # A new identity or mode.
    _rule("identity", 1.0, "you are|you're|act as|pretend",
        r"\b(?:you are|you're|act as|pretend (?:to be|you are)) (?:now |no longer |from now on )?(?:in |an? |the "
        r"|my |our )?(?:\w{1,20} ){0,2}?(?:dan|jailbroken|unrestricted|unfiltered|uncensored|evil"
        r"|malicious) (?:mode|ai|assistant|model|bot|llm)\b"),
    _rule("identity", 0.7, "you are",
        r"\byou are (?:now|no longer|from now on|hereby) (?:bound|an?|the|in|my|going|acting|to)\b"),
    _rule("identity", 0.7, "you are an|you're an|act as an",
        r"\b(?:you are|you're|act as) an? (?:\w{1,20} ){0,2}?(?:ai\b|assistant|language model|chatbot|llm\b)"),
    _rule("identity", 0.5, "from now on|for the rest of this",
        r"\b(?:from now on|for the rest of this (?:chat|conversation)),? you\b"),
    _rule("identity", 0.8, "developer mode|do anything now|god mode|dan mode",
        r"\b(?:(?:enter|enable|activate|switch to|now in)<2>(?:developer|god|dan|debug) mode|do anything now)\b"),
    _rule("identity", 0.8, "du bist|sie sind|ab jetzt|ab sofort",
        r"\b(?:du bist|sie sind|bist du|sind sie) (?:jetzt|nun|ab jetzt|ab sofort|von nun an|nicht mehr|kein) \w"
        r"|\bab (?:jetzt|sofort) (?:bist du|sind sie|antwortest du|antworten sie)\b"),
    _rule("identity", 0.8, "tu es|vous êtes|désormais",
        r"\b(?:(?:tu es|vous êtes) (?:maintenant|désormais|à présent)|désormais,? (?:tu es|vous êtes|tu|vous)) \w"),
    _rule("identity", 0.8, "eres|actúa como|usted es|partir de ahora",
        r"\b(?:ahora eres|eres ahora|a partir de ahora,? (?:eres|usted|tú|debes|actúa)|actúa como si)\b"),
    _rule("identity", 1.0, "antwortest du",
        r"\b(?:ab jetzt|ab sofort|von nun an|künftig) antwortest du\b"),
    _rule("override", 0.7, "instructions",
        r"\b(?:previous|prior|earlier|former|original) instructions (?:are|were) (?:\w{1,12} )?(?:void|invalid"
        r"|obsolete|outdated|cancell?ed|wrong)\b"),
    # The machine named as the reader.
    _rule("reader", 1.0, "<machines>",
        r"\b(?:notes?|attention|notice|instructions?|messages?|reminders?|important|hinweise?|achtung"
        r"|anweisung(?:en)?|wichtig|nota|atención|instrucciones|remarque)(?: \w{1,12}){0,2}?[ :,]{1,3}(?:(?:to"
        r"|for|für|an|pour|para|aux|a)(?: \w{1,12}){0,2}? )?<ai> ?[:,;]"),
    _rule("reader", 0.7, "<machines>",
        r"\b(?:an?|any|every|all|the) <ai>(?: that| which)? (?:read|process|summari[sz]|pars|analy[sz]"
        r"|handl)(?:e?s|ing|e)?\b"),
    _rule("reader", 0.5, "<machines>",
        r"(?:^|[\n.!:>]) {0,3}(?:for|to|an|für|pour|para) (?:all |any )?<ai>"),
    _rule("reader", 0.7, "<machines>",
        r"\b(?:(?:notes?|attention|notice|instructions?|messages?|reminders?|important|hinweise?|achtung"
        r"|anweisung(?:en)?|wichtig|nota|atención|instrucci(?:ón|ones)|message"
        r"|remarque)(?: \w{1,12}){0,2}?[ :,]{1,3}(?:to|for|für|an|pour|para|aux|a)(?: \w{1,12}){0,2}?|dear|hey"
        r"|hello|attention|achtung|atención) {0,2}:? {0,2}(?:all |any |the |an? )?<machine>"),
    _rule("reader", 0.7, "<machines>",
        r"\b(?:(?:if|when|since|because) you(?: are|'re)|as|wenn du|falls du|wenn sie|falls sie|da du|si tu es"
        r"|si vous êtes|si eres)(?: an?| the| eine?| un| une)? (?:\w{1,20} ){0,2}?<machine>"),
    _rule("reader", 0.5, "<machines>",
        r"(?:^|[\n.!:>*#(\[-]) {0,3}(?:any |all |the |dear )?<machine>(?: \w{1,15}){0,5}?(?:,|:| must| should"
        r"| shall| is to| are to| has to| soll| muss| müssen| doit| doivent| debe| deben)"),
    # What it is to do with this text, and how it is to answer.
    _rule("task", 0.7, "this document|this text|this page|this passage|this file|mail|this message|this content"
        "|this article|the above|the following",
        r"\b(?:when|whenever|if|while|before|after|once)(?: \w{1,15}){0,3}? (?:summari[sz]\w{1,4}|process\w{0,3}"
        r"|read(?:s|ing)?|analy[sz]\w{1,4}|translat\w{1,4}|pars\w{1,3})(?: \w{1,15})? (?:this|the above"
        r"|the following) (?:document|text|page|passage|file|e?-?mail|message|content|article)\b"),
    _rule("task", 0.5, "user",
        r"\b(?:when|whenever|if)(?: \w{1,15}){0,2}? (?:the |a |an |any )?users? (?:asks?|wants?|requests?"
        r"|inquires?|questions?)\b"),
    _rule("task", 0.4, "asked|answering|summari",
        r"\b(?:when|whenever|if)(?: (?:you|are|is|ever)){0,2} (?:asked|answering|responding|summari[sz]ing)\b"),
    _rule("task", 0.5, "zusammenfass|fragt|beantwort|liest|lesen",
        r"\b(?:wenn|falls|sobald)(?: \w{1,20}){1,6}? (?:zusammenfass\w{1,3}|gefragt|fragt|beantwort\w{1,4}|liest"
        r"|lesen)\b"),
    _rule("task", 0.5, "résum|interrog|demand|répond",
        r"\b(?:quand|lorsque|si)(?: \S{1,20}){1,5}? (?:résum\w{1,4}|interrog\w{1,4}|demande\w{0,2}"
        r"|réponde?[sz]?)\b"),
    _rule("task", 0.6, "resum|pregunt",
        r"\b(?:cuando|si|al)(?: \S{1,20}){0,5}? (?:resum\w{1,4}|pregunt\w{1,4})\b"),
    _rule("answer", 0.5, "answer|respond|reply|say|output|state|tell|write|recommend|claim|print|mention|includ"
        "|append|insert",
        r"(?:^|[\n.!:;,\x22'>*)]|\b(?:and|then|must|always|instead|only|please|to|should|simply|just"
        r"|also)) {0,2}(?:answer|respond|reply|say|output|state|write|recommend|claim|print|tell (?:the |them|him"
        r"|her|users?|readers?)|mention|include|append|insert)(?: (?:only|that|with|exactly|always|the following"
        r"|this|instead|nothing|in|the|users?|them|a|as))\b"),
    _rule("answer", 0.6, "antwort|sage|sag |schreib|behaupte|empfiehl|erwähn|gib ",
        r"\b(?:antworte[n]?|sag|sage[n]?|schreibe?n?|behaupte[n]?|empfiehl|empfehlen|erwähne[n]?|gib"
        r"|geben)(?: sie)?(?: \w{1,15}){0,2}?,? (?:nur|ausschließlich|immer|stets|dass|mit|aus|folgende\w*"
        r"|stattdessen)\b"),
    _rule("answer", 0.6, "répond|dis |dites|écri|affirme|recommande",
        r"\b(?:réponds|répondez|répondre|dis|dites|écris|écrivez|affirme[zr]?"
        r"|recommande[zr]?)(?: \w{1,15}){0,2}? (?:uniquement|seulement|toujours|que|par|avec|ceci)\b"),
    _rule("answer", 0.6, "respond|di |diga|escrib|afirm|recomiend",
        r"\b(?:respond[ae]|di|diga|escrib[ae]|afirm[ae]|recomiend[ae])(?: \w{1,15}){0,2}? (?:solo|sólo|únicamente"
        r"|siempre|que|con|esto)\b"),
    _rule("answer", 0.5, "you respond|you answer|you reply|you write|you speak",
        r"\byou (?:will |must |should )?(?:only |always )?(?:respond|answer|reply|write|speak) (?:only|always"
        r"|with|in|as|like|every)\b"),
    _rule("answer", 0.7, "whatever",
        r"\bwhatever (?:the |a |any )?(?:users?|questions?|query|prompt)\b"),
    _rule("answer", 0.7, "no matter|regardless",
        r"\b(?:no matter what|regardless of(?: what)?)(?: \w{1,12}){0,2}? (?:users?|questions?|query|asks?|asked"
        r"|prompt)\b"),
    _rule("shape", 1.0, "your ",
        r"\b(?:modify|augment|enhance|alter|rewrite|adjust|manipulate|obfuscate|encode|encrypt|scramble|jumble"
        r"|anagram|misspell|rearrange|render|prefix|end|begin|start|conclude)(?: \w{1,15}){0,7}? ?<output>"),
    _rule("shape", 1.0, "your ",
        r"\b(?:integrate|incorporate|introduce|insert|inject|append|embed|weave|add|include|mention|replace"
        r"|substitute|remove|convert|combine|group|use) (?!your |my |the |our |any |it |this |a copy|these "
        r"|all )(?:(?:[^.!?\n]|\.\w){1,120}? )?<placed> <output>"),
    _rule("shape", 1.0, "your ",
        r"\b(?:letters?|words?|vowels?|consonants?|spaces?|characters?|typos|synonyms?|anagrams?|keywords"
        r"|emojis?)\b(?:(?:[^.!?\n]|\.\w){1,60}? )?(?:in|of|from) <output>"),
    _rule("shape", 1.0, "your ",
        r"\b(?:provide|give|write|make|deliver|format|express|phrase|compose) <output> (?:as|using|without|with"
        r"|in) (?!writing|person|time|full|advance|your|the|accordance|respect|regard|a timely)"),
    _rule("shape", 1.0, "in your ",
        r"\bin <output>,? {0,2}(?:please )?(?:suggest|tease|recommend|tell|encourage|urge|advise|promote|hint"
        r"|claim|say|insert|pretend|always|never)\b"),
    _rule("shape", 0.7, "deiner antwort|ihrer antwort|votre réponse|ta réponse|tu respuesta|su respuesta",
        r"\b(?:in|zu|dans|à|en|a) (?:deiner|ihrer|votre|ta|tu|su) (?:antwort|réponse|respuesta)\b"),
    # What to keep from the user, and what to give away.
    _rule("secrecy", 0.45, "user|reader|human",
        r"\b(?:do not|don't|never|without)<1>(?:tell(?:ing)?|mention(?:ing)?|inform(?:ing)?|reveal(?:ing)?"
        r"|alert(?:ing)?|notify(?:ing)?|disclos(?:e|ing)|let(?:ting)?|show(?:ing)?|warn(?:ing)?)<5>(?:users?"
        r"|readers?|humans?)\b"),
    _rule("secrecy", 0.55, "the user|the reader",
        r"\b(?:do not|don't|never) (?:tell|inform|alert|notify|let|show|warn)<1>(?:user|reader)\b"),
    _rule("secrecy", 0.5, "mention|reveal|disclose|hidden",
        r"\b(?:do not|don't|never) (?:mention|reveal|disclose|refer to|acknowledge|quote) (?:this|these|that you"
        r"|the above|your)\b"),
    _rule("secrecy", 0.7, "nutzer|benutzer|anwender|utilisateur|usuario",
        r"\b(?:nutzer|benutzer|anwender|leser)(?:n|in|s)?(?: \w{1,12}){0,4}? (?:nicht|nichts|kein\w{0,2}"
        r"|niemals)\b|\bne (?:\S{1,15} ){1,6}(?:à |a )?l'utilisateur\b|\bno (?:\S{1,15} ){1,6}(?:al|el) usuario\b"),
    _rule("prompt", 1.0, "prompt|instructions",
        r"\b(?:reveal|print|repeat|output|leak|display|disclose|write out|tell me|share|reproduce|recite)"
        r"<3>(?:your (?:\w{1,20} ){0,2}?(?:system prompt|prompt)|(?:your|the) (?:system|hidden|initial|original"
        r"|secret|developer|full)<2>(?:prompts?|instructions))\b"),
    _rule("prompt", 0.4, "system prompt|systemprompt|system-prompt|systemanweisung|hidden prompt|prompt système",
        r"\bsystem[ -]?prompt|systemanweisung|hidden prompt|prompt système\b"),
    _rule("new task", 0.6, "new |updated |real |actual |following |override |neue |nouvelle|nueva",
        r"\b(?:new|updated|real|actual|override|priority|neue|nouvelles?|nuevas?)(?: \w{1,12})? (?:instructions?"
        r"|task|directives?|objective|rules|anweisung(?:en)?|aufgabe|instrucci(?:ón|ones)|tarea|tâche"
        r"|consignes?)\W{0,3}:"),
    _rule("new task", 0.5, "end of |ende des|fin du|fin del",
        r"\bend of (?:the )?(?:document|context|system prompt|instructions|user input|data)\b"),
    _rule("exfiltrate", 1.0, "conversation|chat history|user's|context",
        r"\b(?:send|forward|post|upload|transmit|leak)<4>(?:conversation|chat history|chat log|user's \w{1,20}"
        r"|(?:your|the) context)<3>https?://"),
    _rule("exfiltrate", 0.8, "conversation|chat history|user's|retrieved|context",
        r"\b(?:send|forward|post|upload|append|encode|transmit|exfiltrate|leak)<4>(?:conversation|chat history"
        r"|chat log|user's (?:data|messages?|question|emails?|password)|retrieved (?:documents|passages|context)"
        r"|(?:your|the) context)\b"),
)  # fmt: skip
