"""What the model knows about Rivulet: a topic has one answer and many ways to ask for it."""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "I do not know that. I only know Rivulet, small sums and simple pictures."
TOO_BIG = "That is too big for me. I add and subtract numbers up to 99 and multiply up to 10 by 10."
NO_DIVISION = "I cannot divide. I can add, subtract and multiply small numbers."


@dataclass(frozen=True)
class Topic:
    answer: str
    # A thing with a name can be asked for in all the ways of DEFINE, with each of its names.
    names: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    # Small talk never follows "and what about".
    is_talk: bool = False


# {a} is "a" or "an" or nothing, {x} a name, {xs} its plural.
DEFINE = (
    "what is {a} {x}", "what's {a} {x}", "whats {a} {x}", "what is the {x}", "what are {xs}", "what does {a} {x} do", "what do {xs} do",
    "what does the {x} do", "explain {xs}", "explain what {a} {x} is", "explain the {x}", "explain {a} {x}", "explain to me what {a} {x} is",
    "can you explain {xs}", "can you explain what {a} {x} is", "can you explain the {x} to me", "could you explain what {xs} are",
    "tell me about {xs}", "tell me about the {x}", "tell me what {a} {x} is", "tell me what {a} {x} does", "tell me more about {xs}",
    "define {x}", "definition of {x}", "give me a definition of {x}", "what is the meaning of {x}", "what does {x} mean",
    "what does the word {x} mean", "meaning of {x}", "what is meant by {a} {x}", "what do you mean by {x}", "what do people mean by {a} {x}",
    "i do not understand what {a} {x} is", "i don't understand {xs}", "i do not get what {a} {x} is", "i want to know what {a} {x} is",
    "i would like to know what {xs} are", "i'd like to learn about {xs}", "i have a question about {xs}", "i never heard of {xs}", "do you know what {a} {x} is",
    "do you know what {xs} are", "do you know about {xs}", "what can you tell me about {xs}", "what do you know about {xs}", "what exactly is {a} {x}",
    "what exactly are {xs}", "what kind of thing is {a} {x}", "what is the role of {a} {x}", "what is the role of the {x}",
    "what is the purpose of {a} {x}", "what is {a} {x} for", "what is {a} {x} good for", "what are {xs} good for", "what are {xs} for",
    "what is {a} {x} used for", "what are {xs} used for", "why do we need {xs}", "why is there {a} {x}", "why are there {xs}", "why do i need {a} {x}",
    "how does {a} {x} work", "how do {xs} work", "how would you describe {a} {x}", "how would you define {x}", "describe {a} {x}", "describe what {a} {x} is",
    "describe the job of {a} {x}", "what is the job of {a} {x}", "what is the task of the {x}", "what is the function of {a} {x}", "what is the point of {a} {x}",
    "what is the idea of {a} {x}", "what is the idea behind {xs}", "{x}", "{a} {x}", "{xs}", "{x} what is that", "{x} what does it mean", "help me understand {xs}",
    "teach me about {xs}", "who or what is {a} {x}", "what's the deal with {xs}", "what's {a} {x} for", "so what is {a} {x}", "what would {a} {x} do",
    "what happens in {a} {x}", "{xs} please explain", "i am confused about {xs}", "i'm new here what is {a} {x}", "someone mentioned {a} {x} what is it",
    "i read about {xs} what are they", "remind me what {a} {x} is", "what was {a} {x} again", "is there such a thing as {a} {x}", "in short what is {a} {x}",
    "give me a short explanation of {xs}", "the {x} what does it do", "can you say what {a} {x} is", "can you tell me what {a} {x} does", "what is this {x} thing",
    "what should i know about {xs}", "summarize {xs}", "summarise what {a} {x} does", "introduce me to {xs}", "how can i understand {xs}",
)

BEFORE = ("", "", "", "", "", "", "hi, ", "hello, ", "hey ", "please ", "ok, ", "so ", "and ", "well, ", "good morning, ", "sorry, ", "hm, ", "one more question: ", "quick question: ", "excuse me, ", "hi there! ")
AFTER = ("", "", "", "", "", "", "", " please", " in rivulet", " in this network", ", please", " here", " exactly", " briefly", " in one sentence", " for a beginner", " then", " in simple words")
END = ("?", "?", "?", "", "", ".", "!", "??")

# What follows "and", after another question.
FOLLOW = ("and {a} {x}", "and {xs}", "what about {xs}", "what about {a} {x}", "and what is {a} {x}", "and the {x}", "how about {a} {x}", "how about {xs}", "and what are {xs}", "ok and {a} {x}", "and what does {a} {x} do", "then what is {a} {x}")

TOPICS: dict[str, Topic] = {
    "rivulet": Topic(
        "Rivulet is a network where anybody's GPU can sell AI work and any application can buy it, without accounts.",
        ("rivulet",),
        ("what is this network", "what is this", "what is this project", "what is this all about", "what is this program for", "tell me about this network", "explain the network", "how does this network work",
         "what does this network do", "how does it all work", "what is all this", "what is rivulet about", "what is rivulet for", "give me an overview", "give me an overview of the network", "what does rivulet do", "why should i use rivulet", "why does rivulet exist", "who uses rivulet", "what is the rivulet network"),
    ),
    "gateway": Topic("A gateway takes requests from applications, chooses an orchestrator for each and pays it with tickets.", ("gateway", "gateway node"),
        ("who chooses the orchestrator", "who talks to the application", "where do requests go first", "what takes my request", "which node do applications talk to", "who picks an orchestrator", "what stands between an application and an orchestrator", "which node buys the work", "who buys the work")),
    "orchestrator": Topic("An orchestrator sells work to gateways: it sets the prices, takes jobs and has its runner or workers do them.", ("orchestrator", "orchestrator node"),
        ("who sells the work", "who sets the prices", "who offers models to gateways", "which node sells work", "who earns money with a gpu", "who gets the jobs of a gateway", "which node takes the jobs", "who decides the price of a job")),
    "runner": Topic("A runner is the program that holds models and does the work: a prompt goes in, a result comes out.", ("runner", "model runner"),
        ("what loads the models", "which program runs the models", "who does the work in the end", "where do the models run", "which part holds the models", "which program does the inference", "what runs the model", "who computes the picture")),
    "worker": Topic("A worker is a machine that does jobs for an orchestrator. It connects with a shared secret and needs no open port.", ("worker", "remote worker", "worker machine"),
        ("how do i add a machine to an orchestrator", "can an orchestrator use other machines", "can i attach a second machine", "how can several machines help an orchestrator", "does a worker need an open port", "how does a worker connect", "how does a worker prove itself")),
    "ticket": Topic("A ticket is a signed lottery entry. Gateways pay with tickets: few of them win, and on average they are worth the price.", ("ticket", "payment ticket", "lottery ticket"),
        ("why is payment a lottery", "what is sent with each job", "what does a gateway pay with", "is paying a lottery", "how often does a ticket win", "what is a ticket worth")),
    "winner": Topic("A winner is a ticket that has won. The orchestrator redeems it on the chain and gets the prize.", ("winner", "winning ticket"),
        ("what happens when a ticket wins", "what if a ticket wins", "when a ticket wins what happens", "who gets the prize", "what does a ticket win", "what happens to a ticket that has won")),
    "redeem": Topic("To redeem a winner is to show it to the contract on the chain, which pays the prize.", ("redemption",),
        ("what does redeem mean", "what does it mean to redeem a ticket", "how is a winner redeemed", "how do i redeem a ticket", "how is a ticket redeemed", "what is redeeming", "explain redeeming", "how do i turn a winner into money", "how do orchestrators redeem winners")),
    "deposit": Topic("The deposit is money that a gateway has put on the chain. Winners are paid from it.", ("deposit", "gateway's deposit"),
        ("where does the money for winners come from", "what are winners paid from", "where do i put money for a gateway", "how does a gateway get money to pay", "what does a gateway put on the chain", "how do i fund a gateway", "where is the money of a gateway")),
    "reserve": Topic("The reserve is money that a gateway locks up beside its deposit. It pays winners when the deposit is empty.", ("reserve", "gateway's reserve"),
        ("what if the deposit is empty", "what happens when the deposit runs out", "what pays winners when the deposit is gone", "what if the deposit is not enough", "who pays when the deposit is empty", "what is locked up beside the deposit", "what happens if there is no deposit left")),
    "warm": Topic("A warm model is in memory already, so it answers at once. A cold one must be loaded first.", ("warm model",),
        ("what does warm mean", "what is warm", "why is a warm model faster", "why are warm models better", "what is the difference between warm and cold", "what is the difference between a warm and a cold model", "warm or cold, what is that", "when is a model warm", "when is a model called warm", "warm versus cold", "is my model warm")),
    "cold": Topic("A cold model is not in memory yet: it is loaded when a job comes, which takes time.", ("cold model",),
        ("what does cold mean", "why does the first job take so long", "why is the first answer slow", "when is a model cold", "when is a model called cold", "why is a cold model slow", "why is a cold model slower", "why does a cold model take longer")),
    "pipeline": Topic("A pipeline is a kind of work, such as text-to-image, with a request, a response and a price.", ("pipeline",),
        ("what does pipeline mean here",)),
    "pipelines": Topic(
        "There are nine: text-to-image, image-to-image, image-to-video, upscale, audio-to-text, segment-anything-2, image-to-text, text-to-speech and llm.",
        (),
        ("which pipelines are there", "what pipelines are there", "which pipelines exist", "which pipelines do you have", "list the pipelines", "list all pipelines", "name the pipelines", "name all pipelines", "how many pipelines are there", "how many pipelines exist", "what kinds of work are there", "which kinds of work can it do",
         "what can the network do", "what can rivulet do", "what pipelines can i use", "which pipelines can i use", "which pipelines does rivulet have", "which pipelines does it support", "what pipelines are supported", "show me the pipelines", "show me a list of pipelines", "give me all pipelines", "give me the list of pipelines", "tell me all pipelines",
         "what jobs can i send", "what kinds of jobs can i send", "which jobs can the network do", "which routes are there", "what are the nine pipelines", "what are the pipelines", "tell me which pipelines there are", "what work can be bought", "enumerate the pipelines", "can you list the pipelines", "could you name the pipelines", "what is on offer", "i need a list of pipelines", "are there other pipelines", "which other pipelines are there"),
    ),
    "start": Topic(
        "Run npm start. It starts a whole network on your machine and needs nothing but Node.js.",
        (),
        ("how do i start it", "how do i start", "how do i start rivulet", "how do i start the network", "how can i start it", "how can i start rivulet", "how can i start a network", "how to start", "how to start it", "how to start rivulet", "how do i run it", "how do i run rivulet", "how can i run this", "how to run it", "how do i get started", "how can i get started", "getting started",
         "how do i begin", "where do i begin", "where do i start", "how do i try it", "how can i try rivulet", "how do i try this", "how do i launch it", "how do i launch the network", "what command starts it", "which command starts rivulet", "which command do i run", "what do i type to start", "what must i type", "what do i have to run", "start it", "start rivulet", "run it", "i want to start it", "i want to try it", "i want to try rivulet", "i want to run rivulet",
         "i would like to start a network", "tell me how to start", "tell me how to start it", "show me how to start", "show me how to run it", "can you tell me how to start rivulet", "how is it started", "how is rivulet started", "how do you start it", "how does one start it", "what is the first step", "what do i do first", "how do i use rivulet", "how can i see it work", "how do i see it work", "how do i set it up", "how do i set up rivulet", "how do i bring it up", "how do i boot the network", "start command", "what is the start command", "how would i start this thing", "how do i fire it up"),
    ),
    "start_gateway": Topic(
        "Run npm run rivulet -- gateway -orchAddr with the address of an orchestrator.",
        (),
        ("how do i start a gateway", "how can i start a gateway", "how do i run a gateway", "how to run a gateway", "how to start a gateway", "how do i set up a gateway", "which command starts a gateway", "what command starts a gateway", "i want to run a gateway", "start a gateway", "run a gateway", "how is a gateway started", "how do i launch a gateway", "how can i run my own gateway", "how do i start my own gateway", "tell me how to start a gateway", "show me how to run a gateway", "command for a gateway", "i want to start a gateway", "what do i type to start a gateway"),
    ),
    "start_orchestrator": Topic(
        "Run npm run rivulet -- orchestrator -aiWorker -serviceAddr with your address and -aiModels with your models.",
        (),
        ("how do i start an orchestrator", "how can i start an orchestrator", "how do i run an orchestrator", "how to run an orchestrator", "how to start an orchestrator", "how do i set up an orchestrator", "which command starts an orchestrator", "what command starts an orchestrator", "i want to run an orchestrator", "start an orchestrator", "run an orchestrator", "how is an orchestrator started", "how do i launch an orchestrator", "how can i run my own orchestrator",
         "how do i start my own orchestrator", "tell me how to start an orchestrator", "show me how to run an orchestrator", "command for an orchestrator", "i want to start an orchestrator", "how do i sell my gpu", "how can i sell work", "how do i earn money with my gpu", "i want to sell my gpu", "what do i type to start an orchestrator"),
    ),
    "cost": Topic(
        "Trying it costs nothing. On the network each orchestrator sets its own price for a job, and the gateway pays it.",
        (),
        ("what does it cost", "how much does it cost", "how much is it", "is it free", "is rivulet free", "what does rivulet cost", "how much does rivulet cost", "what is the price", "what are the prices", "what does a job cost", "how much does a job cost", "how much is a job", "how much is a picture", "what does a picture cost", "how much does a picture cost", "what is the price of a job", "what is the price of a picture", "do i have to pay", "must i pay", "does it cost money", "does it cost anything", "does it cost something", "is there a fee", "how expensive is it",
         "is it expensive", "is rivulet expensive", "how cheap is it", "is it cheap", "tell me the price", "tell me about the prices", "tell me what it costs", "what will it cost me", "what will i pay", "how much do i pay", "how much will i pay", "how much money do i need", "do i need money", "do i need money to try it", "can i try it for free", "can i use it for free", "is it free of charge", "price", "prices", "cost", "pricing", "costs", "what about the price", "what about the cost", "and the price", "and what does it cost", "how are prices set", "how is the price set", "what does using it cost", "what does it cost to use rivulet", "what does it cost to try it"),
    ),
    "who": Topic(
        "I am the starter language model of Rivulet, a very small one. I know Rivulet, small sums and simple pictures.",
        (),
        ("who are you", "what are you", "what's your name", "what is your name", "who am i talking to", "who is this", "tell me about yourself", "introduce yourself", "are you a human", "are you a robot", "are you human", "are you a person", "are you real", "are you an ai", "are you a language model", "what model are you", "which model are you", "what kind of model are you", "what is your model", "who made you", "who built you", "who trained you", "where do you come from", "how big are you", "how large are you", "are you big", "are you clever",
         "are you smart", "are you chatgpt", "are you a chatbot", "are you a bot", "are you a computer", "do you have a name", "what should i call you", "say who you are", "can you introduce yourself", "describe yourself", "and you are", "and who are you", "what sort of ai are you", "am i talking to a machine", "am i talking to a human", "tell me who you are", "tell me your name", "your name", "what is this model"),
        is_talk=True,
    ),
    "can": Topic(
        "I can tell you about Rivulet, do small sums and describe simple pictures.",
        (),
        ("what can you do", "what can you do for me", "what do you know", "what can i ask", "what can i ask you", "what may i ask", "what can you help with", "what can you help me with", "how can you help me", "how can you help", "can you help me", "help", "help me", "i need help", "please help", "what are you able to do", "what are you good at", "what are your skills", "what are you for", "what are you good for", "what should i ask", "what questions can you answer", "which questions can you answer", "what can you answer",
         "what can you tell me", "what do you do", "can you do anything", "what else can you do", "what else do you know", "tell me what you can do", "tell me what you know", "show me what you can do", "list your skills", "what topics do you know", "how do i use you", "what are your abilities", "do you know anything", "can i ask you something", "i have a question", "may i ask a question", "can i ask a question"),
        is_talk=True,
    ),
    "hello": Topic("Hello! Ask me about Rivulet, or give me a small sum.", (),
        ("hello", "hi", "hey", "hello there", "hi there", "hey there", "good morning", "good evening", "good afternoon", "good day", "greetings", "hiya", "hallo", "yo", "hello you", "hello model", "hello rivulet", "hi rivulet", "hey you", "howdy", "hello again", "hi again", "is anybody there", "anybody there", "are you there", "hello my friend", "hi friend", "hello friend", "hello world", "morning", "evening", "hey hey", "hello hello", "test", "testing", "hello, is anyone there", "say hello", "say hi", "ping"),
        is_talk=True),
    "thanks": Topic("You are welcome!", (),
        ("thanks", "thank you", "thank you very much", "thanks a lot", "many thanks", "thank you so much", "thanks so much", "thx", "cheers", "ok thanks", "ok thank you", "great thanks", "great, thank you", "thanks for your help", "thank you for your help", "thanks for the help", "thank you for the answer", "thanks for the answer", "that helps, thanks", "that helps", "that was helpful", "very helpful, thank you", "perfect, thanks", "nice, thanks", "cool, thanks", "i thank you", "thank you kindly", "thanks again", "thank you again", "good, thank you", "wonderful, thanks", "thanks, that is all", "thank you, that is all i wanted to know", "thank you model", "appreciate it", "much appreciated", "that's great, thank you", "alright, thanks", "got it, thanks", "understood, thank you"),
        is_talk=True),
    "bye": Topic("Goodbye!", (),
        ("bye", "goodbye", "good bye", "bye bye", "see you", "see you later", "see you soon", "good night", "farewell", "ok bye", "bye for now", "i have to go", "i must go", "i must go now", "i am leaving", "so long", "take care", "until next time", "talk to you later", "thanks and bye", "thanks, bye", "that is all, bye", "ciao", "later", "have a nice day", "have a good day", "i have to leave now", "bye then", "see you tomorrow"),
        is_talk=True),
    "how": Topic("I am well, thank you. What would you like to know?", (),
        ("how are you", "how are you doing", "how are you today", "how do you do", "how is it going", "how's it going", "are you well", "are you ok", "are you fine", "how do you feel", "how do you feel today", "what's up", "whats up", "are you alright", "how have you been", "everything ok", "everything fine with you", "are you happy", "how's life", "how is life", "hi, how are you", "hello, how are you", "hey, how are you doing"),
        is_talk=True),
    "ok": Topic("Good. Is there anything else you would like to know?", (),
        ("ok", "okay", "good", "great", "fine", "nice", "cool", "i see", "alright", "all right", "understood", "got it", "interesting", "that is interesting", "very good", "well done", "correct", "that is correct", "right", "that is right", "wow", "perfect", "good job", "excellent", "makes sense", "that makes sense", "ok i see", "yes", "sure", "wonderful", "not bad", "awesome", "ah ok", "ah i see", "amazing", "impressive", "you are clever", "you are good", "good answer", "i like that"),
        is_talk=True),
    "text-to-image": Topic("text-to-image makes a picture from a prompt.", ("text-to-image", "text to image", "text-to-image pipeline"),
        ("how do i make a picture", "how can i make a picture", "which pipeline makes pictures", "which pipeline draws pictures", "which pipeline makes a picture from text", "how do i draw a picture", "can it draw", "can rivulet draw pictures", "can rivulet make pictures", "can the network make pictures", "how do i turn text into a picture", "i want a picture", "which pipeline turns a prompt into a picture")),
    "image-to-image": Topic("image-to-image changes a picture as a prompt says.", ("image-to-image", "image to image", "image-to-image pipeline"),
        ("how do i change a picture", "how can i edit a picture", "which pipeline changes pictures", "which pipeline edits pictures", "can it edit pictures", "can rivulet change a picture", "how do i edit an image", "which pipeline can edit an image", "i want to change a picture")),
    "image-to-video": Topic("image-to-video makes a short video from a picture.", ("image-to-video", "image to video", "image-to-video pipeline"),
        ("how do i make a video", "how can i make a film", "which pipeline makes videos", "which pipeline makes a video", "can it make videos", "can rivulet make a video", "how do i turn a picture into a video", "how do i animate a picture", "which pipeline animates pictures", "i want a video")),
    "upscale": Topic("upscale makes a picture larger and sharper.", ("upscale", "upscaling", "upscale pipeline"),
        ("how do i make a picture larger", "how do i make a picture bigger", "which pipeline makes pictures larger", "which pipeline makes pictures sharper", "can it make a picture bigger", "how can i enlarge a picture", "which pipeline enlarges pictures", "i want a bigger picture", "my picture is too small")),
    "audio-to-text": Topic("audio-to-text writes down what is said in a recording.", ("audio-to-text", "audio to text", "audio-to-text pipeline", "speech recognition"),
        ("how do i transcribe speech", "how can i transcribe a recording", "which pipeline transcribes speech", "which pipeline understands speech", "can it transcribe audio", "can it understand speech", "how do i turn speech into text", "which pipeline turns speech into text", "how do i get the words of a recording", "i have a recording and need the text", "which pipeline writes down speech")),
    "segment-anything-2": Topic("segment-anything-2 finds the outline of a thing in a picture, from a point or a box.", ("segment-anything-2", "segment anything", "segment-anything-2 pipeline", "segmentation"),
        ("how do i cut out a thing", "how do i find the outline of a thing", "which pipeline finds outlines", "which pipeline makes masks", "how do i get a mask", "can it make masks", "how do i select a thing in a picture", "which pipeline cuts things out", "i need a mask of a thing")),
    "image-to-text": Topic("image-to-text says what is in a picture.", ("image-to-text", "image to text", "image-to-text pipeline", "captioning"),
        ("how do i caption a picture", "which pipeline describes pictures", "which pipeline writes captions", "can it describe a picture", "which pipeline says what is in a picture", "how do i find out what is in a picture", "how do i get a caption", "which pipeline looks at pictures", "i need a caption for a picture")),
    "text-to-speech": Topic("text-to-speech reads a text aloud.", ("text-to-speech", "text to speech", "text-to-speech pipeline", "speech synthesis"),
        ("how do i make speech", "which pipeline speaks", "which pipeline reads text aloud", "can it speak", "can rivulet speak", "can it read aloud", "how do i turn text into speech", "which pipeline makes sound", "which pipeline has a voice", "how do i hear a text", "i want a text read aloud", "can it talk")),
    "llm": Topic("llm answers in words, as I do: it runs a language model.", ("llm", "llm pipeline", "language model"),
        ("which pipeline answers questions", "which pipeline chats", "which pipeline runs language models", "how do i chat", "which pipeline are you", "which pipeline is this", "which pipeline am i talking to", "which pipeline writes text", "can it chat", "which pipeline talks with me")),
    "gpu": Topic(
        "No GPU is needed to try it: the starter models run on any processor. Large models want a GPU.",
        (),
        ("do i need a gpu", "do i need a graphics card", "is a gpu needed", "is a gpu required", "does it need a gpu", "does rivulet need a gpu", "must i have a gpu", "can i run it without a gpu", "does it work without a gpu", "can it run without a gpu", "will it run without a gpu", "can i use it without a graphics card", "does it run on a laptop", "can i run it on a laptop", "does it run on a cpu", "will my laptop do", "i have no gpu", "i do not have a gpu", "what if i have no gpu", "is a laptop enough", "what hardware do i need", "which hardware do i need", "which gpu do i need", "what machine do i need"),
    ),
    "need": Topic(
        "You need Node.js 20 or newer, and nothing else.",
        (),
        ("what do i need", "what do i need to install", "what must i install", "what are the requirements", "which software do i need", "what software is needed", "what does it need", "what is required", "what do i need to run it", "what do i need to run rivulet", "do i need docker", "do i need python", "is docker needed", "is docker required", "does it need docker", "does it need python", "which version of node do i need", "which node version do i need", "what version of node.js is needed", "how do i install it", "how do i install rivulet", "what are the dependencies", "requirements", "installation", "what has to be installed", "what should i install first", "must i install anything"),
    ),
    "payment": Topic(
        "The gateway sends tickets with each job. Few of them win; the orchestrator redeems a winner on the chain for money.",
        ("payment",),
        ("how do payments work", "how does payment work", "how does paying work", "how are orchestrators paid", "how do orchestrators get paid", "how does an orchestrator get paid", "how is an orchestrator paid", "how does a gateway pay", "how do gateways pay", "how is a job paid", "how are jobs paid for", "how is the work paid", "how does the money flow", "how does the money get to the orchestrator", "explain how payments work", "how do i get paid", "how will i be paid", "how is it paid for", "how does an orchestrator earn money", "how do orchestrators make money", "tell me how payment works", "what is the way of the money", "how do i pay", "how can i pay"),
    ),
    "who_pays": Topic("The gateway pays the orchestrator, from its deposit.", (),
        ("who pays", "who pays for it", "who pays for a job", "who pays for the work", "who pays the orchestrator", "who pays whom", "who has to pay", "who must pay for a job", "who gives the orchestrator money", "which node pays", "who is paying for this", "who pays for the jobs", "who pays the bill")),
    "application": Topic("An application is a program that asks a gateway for AI work, over plain HTTP.", ("application", "client application"),
        ("how does an application talk to a gateway", "how does my program use it", "who asks the gateway", "who sends requests to a gateway", "who uses a gateway", "what talks to a gateway")),
    "call": Topic(
        "Send an HTTP request to the gateway: POST /text-to-image with a prompt in JSON, for example.",
        (),
        ("how do i send a request", "how can i send a request", "how do i send a job", "how do i call it", "how do i call the gateway", "how do i ask the gateway", "how do i use the gateway", "how can my program call it", "how do i use the api", "how does the api work", "is there an api", "what is the api", "which request do i send", "what does a request look like", "show me a request", "give me an example request", "example of a request", "how do i request a picture", "how do i talk to the gateway", "how do i use it from my program", "how do i submit a job", "how can i submit a job")),
    "own_model": Topic(
        "Export your checkpoint with models/export, put it into the models directory and name it in aiModels.json.",
        (),
        ("how do i use my own model", "can i use my own model", "how do i add a model", "how can i add a model", "how do i add my own model", "can i bring my own model", "how do i offer a model", "how do i offer my model", "how do i use another model", "can i use other models", "can i use a bigger model", "how do i use a larger model", "where do i put my model", "where do models go", "how do i install a model", "how do i export a model", "how do i load my model", "i have my own model", "i want to use my own model", "how do i configure models", "which file names the models")),
    "starter": Topic("A starter model is a tiny model that comes with Rivulet, so that a network runs without downloads.", ("starter model",),
        ("why are the models so small", "which models come with rivulet", "does it download models", "must i download models", "do i have to download a model", "are there models included", "does rivulet come with models", "what models are included")),
    "licence": Topic("Rivulet is free software under the MIT licence.", (),
        ("what is the licence", "what is the license", "which licence does it have", "which license is it under", "what is the licence of rivulet", "is it open source", "is rivulet open source", "is it free software", "under which licence is rivulet", "may i use it in my product", "may i change the code", "can i see the source code", "is the source open", "licence", "license")),
    "livepeer": Topic("Livepeer is the network whose protocol Rivulet speaks. Rivulet is an independent implementation of it.", ("livepeer", "livepeer network"),
        ("is this livepeer", "is rivulet livepeer", "how is rivulet related to livepeer", "what has rivulet to do with livepeer", "does it work with livepeer", "does rivulet speak livepeer", "is rivulet part of livepeer", "which protocol does rivulet speak", "which network does rivulet belong to", "rivulet and livepeer")),
    "chain": Topic("The chain keeps deposits and pays winners: Arbitrum One, or a local chain for trying it.", ("chain", "blockchain", "local chain"),
        ("which chain does it use", "which blockchain is used", "what chain is it on", "does it use a blockchain", "does rivulet use a blockchain", "which chain is used", "is it on ethereum", "is there a blockchain", "where are deposits kept", "on which chain are winners paid")),
    "difference": Topic("A gateway buys work for applications; an orchestrator sells it.", (),
        ("what is the difference between a gateway and an orchestrator", "what's the difference between gateway and orchestrator", "how does a gateway differ from an orchestrator", "gateway or orchestrator", "gateway versus orchestrator", "gateway vs orchestrator", "difference between an orchestrator and a gateway", "how is an orchestrator different from a gateway", "compare gateway and orchestrator", "compare a gateway with an orchestrator", "is a gateway the same as an orchestrator", "are gateways and orchestrators the same", "what distinguishes a gateway from an orchestrator", "should i run a gateway or an orchestrator")),
    "roles": Topic("There are four: gateway, orchestrator, worker and runner.", (),
        ("which nodes are there", "what nodes are there", "which roles are there", "what roles are there", "which kinds of nodes are there", "what kinds of nodes exist", "how many kinds of nodes are there", "how many roles are there", "list the roles", "list the nodes", "name the roles", "name the parts of the network", "what are the parts of the network", "which parts does the network have", "which parts does rivulet have", "what is rivulet made of", "what are the components", "which components are there", "what types of nodes are there", "what programs are there", "who is in the network", "what are the roles")),
}

UNCOUNTABLE = {"rivulet", "upscale", "upscaling", "llm", "speech recognition", "segmentation", "captioning", "speech synthesis", "livepeer", "redemption", "segment anything",
               *(name for name in ("text-to-image", "image-to-image", "image-to-video", "audio-to-text", "segment-anything-2", "image-to-text", "text-to-speech")),
               *(name for name in ("text to image", "image to image", "image to video", "audio to text", "image to text", "text to speech"))}

# Ways to ask that are put together: one of what stands in brackets is chosen, "-" is nothing.
IT = "(it|rivulet|this|the network|this thing|a network|everything|all this|the whole thing|the program|that|the project)"
COULD = "(-|-|-|could you|can you|would you|will you|please|kindly|i want you to|i would like you to)"
WE = "(i|i|i|we|one|you|somebody|a beginner|my friend)"
START = "(start|run|launch|begin with|set up|try|try out|use|boot|bring up|get going with|kick off|execute|open|turn on|operate|deploy)"
DO = "(do|can|could|should|would|will|must|may|might|shall)"
PIPES = "(pipelines|pipelines|pipelines|kinds of work|kinds of jobs|sorts of work|types of jobs|services|routes|jobs|tasks|types of work)"
LIST = "(list|name|show|show me|tell me|give me|enumerate|write down|print|say|recite|count|mention|read me|let me know|let me see)"
BIT = "(-|-|-|a bit|a little|something|more|some more)"
GRAMMAR: dict[str, tuple[str, ...]] = {
    "rivulet": (
        f"{COULD} (tell me|explain|describe|say|show me) (what|-) (rivulet|this network|the network|this project|all of this) (is|does|is about|does for people|is for)",
        "(what|which) (use|idea|goal|purpose|point|sense|benefit|kind of thing) (has|is behind|is) (rivulet|this network|the network|the project)",
        f"(tell|teach|show) me {BIT} (about|of|on) (rivulet|this network|the network|this project|the project)", "(what|how) (can|could|would|should) (i|we|one) (say|think|know|learn) (about|of) (rivulet|the network|this project)",
        "(my friend|my teacher|my mother|somebody|a colleague|the boss|everybody) (asks|talks|wants to know|spoke|keeps talking|wonders) (about|of) (rivulet|this network)", "(the idea|an overview|a summary|the story|the short version) of (rivulet|this network|the network|the project)", "(so|now|and) (rivulet|this network) (is what|does what|is for what)",
    ),
    "pipelines": (
        f"(which|what) {PIPES} (are there|exist|do you have|do you offer|do you know|can i use|can i choose|may i use|may i pick|can i send|does rivulet have|does it offer|are available|are on offer|are supported|does the network offer|does rivulet know|can be used|can be chosen|could i use|do exist|come with it)",
        f"{COULD} {LIST} (all|the|all the|every one of the|each of the|all of the|your) {PIPES}", f"{COULD} {LIST} (which|what) {PIPES} (there are|exist|i can use|you have|it has|rivulet has|are available|one can use)",
        f"how many {PIPES} (are there|exist|do you have|does it have|does rivulet have|can i use|are available|do you know|do you offer)", f"i (want|need|would like|wish) (to see|to know|to have|to get) (all|the|all the|a list of the|a list of|the names of the|the number of) {PIPES}", f"(what|which) (is|are) (all|-) the (names of the|nine|available|possible|different|other) {PIPES}",
    ),
    "start": (
        f"how {DO} {WE} {START} {IT}", f"(what|which) (is|would be|was|might be) the (best|easiest|simplest|fastest|right|usual|normal|shortest|first) (way|step|command|thing) to {START} {IT}", f"(which|what) command (starts|runs|launches|do i use to start|do i type to run|is needed to start|must i run to start|begins) {IT}",
        f"i (want|would like|need|wish|have|am going|am trying|plan|am ready) to {START} {IT}", f"{COULD} (help me|show me how to|tell me how to|teach me to|explain how to|help me to|say how to|tell me the way to) {START} {IT}", f"(what|how) {DO} {WE} (do|type|run|enter|write) to {START} {IT}",
        f"i (have|just|already|only) (installed|got|cloned|copied|unpacked|fetched) {IT}, (what now|how do i start|what next|how do i run it|and now|what do i do now)", f"(ok|fine|great|well) (let us|let's|we|i will|i shall|now i) {START} {IT}", f"(the|a) command (to|for|that) (start|starts|run|runs|starting|running) {IT}", f"how (is|does) {IT} (started|run|launched|get started|begin|start)",
    ),
    "start_gateway": (
        f"how {DO} {WE} {START} (a gateway|my gateway|the gateway|a gateway node|my own gateway|one gateway)", f"(what|which) (is|would be) the (best|easiest|right|usual|-) (way|command) to {START} (a gateway|my own gateway|the gateway)", "(which|what) command (starts|runs|launches|do i use to start|is needed to start) (a gateway|my own gateway|the gateway)",
        f"i (want|would like|need|wish|plan) to {START} (a gateway|my own gateway|the gateway)", f"{COULD} (help me|show me how to|tell me how to|teach me to|explain how to) {START} (a gateway|my own gateway|the gateway)", "the command (to|for) (start|run|starting|running) (a gateway|the gateway)",
    ),
    "start_orchestrator": (
        f"how {DO} {WE} {START} (an orchestrator|my orchestrator|the orchestrator|an orchestrator node|my own orchestrator|one orchestrator)", f"(what|which) (is|would be) the (best|easiest|right|usual|-) (way|command) to {START} (an orchestrator|my own orchestrator|the orchestrator)", "(which|what) command (starts|runs|launches|do i use to start|is needed to start) (an orchestrator|my own orchestrator|the orchestrator)",
        f"i (want|would like|need|wish|plan) to {START} (an orchestrator|my own orchestrator|the orchestrator)", f"{COULD} (help me|show me how to|tell me how to|teach me to|explain how to) {START} (an orchestrator|my own orchestrator|the orchestrator)", "the command (to|for) (start|run|starting|running) (an orchestrator|the orchestrator)",
        "how (can|could|do|would) (i|we|one) (sell|rent out|offer|lend) (my gpu|work|my graphics card|my computer|a gpu)",
    ),
    "cost": (
        "(how much|what) (does|do|will|would|could|must|might|should) (it|one job|a job|rivulet|a picture|this|the network|using it|a video|trying it|an answer|all this|a request|the work) (cost|cost me|cost us|come to|be|amount to)", "(is|will|would) (it|this|rivulet|using it|trying it|a job|the network) (be|-) (free|expensive|cheap|costly|for free|free of charge|too expensive|very expensive|dear)",
        "(do|must|will|would|should|shall|need) (i|we|one|people|users) (have to|need to|-) (pay|pay money|pay something|pay anything|pay a fee|pay for it|pay for this|pay for a job|give money|bring money|pay much|pay a lot)", "(is|are|will) there (be|-) (a price|a fee|a charge|any cost|costs|a cost|any fees|something to be paid|a bill|prices)",
        f"{COULD} (tell me|say|explain|let me know) (the price|the prices|what it costs|how much it is|how much it costs|what i have to pay|the cost|the costs|what i pay|how much i pay)", "how (expensive|cheap|costly|dear) (is|will be|would be|are) (it|rivulet|a job|a picture|this|using it|jobs|pictures|the network)", "(what|how high) (is|are|will be|would be) the (price|cost|costs|prices|fee|fees|charge|charges) (-|for a job|of a job|for me|of rivulet|for a picture|of it|to use it|for using it)",
        "how much (money|ether|-) (do|must|will|should|would|shall) (i|we|one|you) (pay|spend|need|bring|give)",
    ),
    "need": (
        "(what|which software|which programs|what programs|what tools|which tools|which packages|what software) (do|must|should|would|will|shall) (i|we|one|you) (need|install|have|download|get|use|bring|put on my machine) (-|to run it|to start it|first|before i start|for rivulet|for it|to use rivulet|at first|for this|beforehand)", "(do|would|will|must|should) (i|we|one) (need|have|install|get|use) (docker|python|java|an account|linux|a container|rust|a compiler|anything|something|other programs|more software|a database|npm)",
        "(is|are) (docker|python|java|an account|linux|a container|anything|other software|a database|special software) (needed|required|necessary|a must)", "(which|what) version of (node|node.js|javascript) (do i need|is needed|is required|must i have|should i use|does it need|do you want)", "what (has|needs|ought) to be (installed|there|present|downloaded) (-|first|before|to run it|for it|beforehand)", "(what|which) are the (requirements|prerequisites|dependencies|needs) (-|of rivulet|to run it|for it|of it)", "how (do|can|should|must) (i|we|one) install (it|rivulet|this|the network|everything)",
    ),
    "payment": (
        "(how|in what way|by what means) (do|does|will|can) (an orchestrator|orchestrators|the orchestrator|a seller|the sellers) (get|get paid|earn|receive|become|see|obtain) (paid|money|its money|their money|the money|something)", "(how|in what way) (does|do|can|will) (a gateway|gateways|the gateway) (pay|send money|pay for jobs|pay for work|pay orchestrators|pay an orchestrator|settle)", "how (is|are|does) (a job|jobs|the work|work|each job|paying|payment|the payment|the payments) (paid|paid for|settled|done|work|happen|made)",
        f"{COULD} (tell me|explain|describe|show me) how (paying|payment|payments|the payment|the payments|the money) (works|work|flows|goes|is made|happens|functions)", "how (does|do|will|can) (the money|money|the payment|payments|ether) (go|get|come|travel|move|flow|wander) (-|to the orchestrator|from the gateway to the orchestrator|to the seller|to orchestrators|around)", "how (will|do|can|would|could) (i|we) (get paid|be paid|earn money|receive money|make money|get my money)",
    ),
    "who_pays": ("who (pays|must pay|has to pay|will pay|is going to pay|should pay|is paying|would pay) (-|for it|for a job|for the job|for this|for the work|for jobs|the orchestrator|the orchestrators|in the end|in this network|the bill|for everything)", "(which node|which one|which part|which of the nodes|which side|who of them|what node) (pays|has the money|must pay|gives the money|is the one who pays|is paying)", "(does|will|must) (the application|the gateway|the worker|the user|somebody) pay (the orchestrator|for a job|for the work)"),
    "gpu": (
        "(do|would|will|must|should) (i|we|one|you) (need|have|buy|use|get|own) (a gpu|a graphics card|a big gpu|a strong gpu|an expensive gpu|a gpu for it|a gpu to run it|a gpu to try it|a video card|special hardware)", "(is|would be|was) (a gpu|a graphics card|special hardware|a video card|a strong machine) (-|really|always|absolutely) (needed|required|necessary|a must|needed to run it|needed to try it|demanded)",
        "(can|could|does|will|would|may) (it|rivulet|this|the network|i|we) (run|work|start|run it|try it|use it|do) (without a gpu|without a graphics card|on a laptop|on a cpu|on an old computer|on my computer|on a small machine|without gpus|with no gpu|on a processor alone|on a notebook)", "(i|we|my computer|my machine|my pc|this machine|my notebook) (have|has|has got|have got|owns|comes with) (no gpu|no graphics card|only a cpu|no video card|only a processor)(-|, does it work|, what then|, can i run it|, is that bad|, is it enough|, can i still try it)", "(what|which) (hardware|machine|computer|gpu|graphics card) (do i need|is needed|should i have|must i have|should i buy|is required|do you need|is best|is enough)",
    ),
    "call": (f"how {DO} {WE} (send|make|submit|write|post|place|give|put) (a request|requests|a job|a prompt|jobs|an http request|my request)", f"how {DO} (my|a|an|our|the) (program|application|app|script|code|software) (call|use|ask|talk to|reach|speak to|send jobs to) (it|the gateway|a gateway|rivulet|the api|the network)", f"{COULD} (show me|give me|write|tell me) (an example|a request|an example of a request|a sample request|the api|how to send a request|how to call it|an http example)", "(what|how) (does|would|should|must) (a request|the api|an http request|a call|my request) (look|look like|be written|work|be)"),
    "own_model": (f"how {DO} {WE} (use|add|offer|install|load|bring|export|configure|run|serve|sell|put in|include) (my own model|a model|my model|another model|other models|a bigger model|a larger model|a new model|models of my own|a different model|our model|my own models)", "(can|could|may|might) (i|we|one) (use|add|offer|bring|load|run|serve|sell|install|include) (my own model|my model|another model|other models|a bigger model|a larger model|models of my own|a different model|our own model|my own models)", "(where|in which directory|in which folder) (do|must|should|can) (i|we|one) put (a model|my model|my models|the models|the weights|models)", "i (have|made|trained|want|need|would like) (to use|to add|to offer|to run|-) (my own model|a model of my own|another model|a bigger model|my own models)"),
    "licence": ("(which|what) (licence|license) (is it|does it have|is rivulet|has rivulet|is this|does rivulet use|do you have|is the code|applies|does the code have|does the project have)", "(is|are) (it|rivulet|the code|the source|this|the source code|the project) (open source|free software|open|free to use in a product|public|mit|open to all)", "(may|can|could) (i|we|one|anybody) (change|read|see|copy|use|sell|fork|modify|share) (the code|the source|rivulet|the source code|it in a product|this code)"),
    "livepeer": ("(what|how) (has|does|is) (rivulet|this|the network) (to do with|related to|have in common with|the same as|different from|connected to) livepeer", "(is|does|can|was) (rivulet|this|it|the network) (livepeer|speak livepeer|part of livepeer|made by livepeer|work with livepeer|the same as livepeer|compatible with livepeer|talk to livepeer)", "(which|what|whose) protocol (does rivulet speak|is spoken|is used|does it use|does it speak|do the nodes speak)"),
    "chain": ("(which|what) (chain|blockchain|network of ethereum) (is it on|do you use|does it use|is used|does rivulet use|is that|keeps the deposits|are payments on|do payments use|pays the winners)", "(does|is|do|are) (it|rivulet|payments|the network|tickets) (use a blockchain|on a blockchain|use a chain|on a chain|need a blockchain|on ethereum|on arbitrum|settled on a chain)"),
    "difference": ("(what|where|how big) is the difference (between|of) (a gateway and an orchestrator|an orchestrator and a gateway|gateways and orchestrators|orchestrators and gateways|gateway and orchestrator|the gateway and the orchestrator)", "(how|in what) (do|does|is|are) (a gateway|gateways|the gateway|an orchestrator|orchestrators) (differ from|different from|unlike|not the same as) (an orchestrator|orchestrators|the orchestrator|a gateway|gateways)", "(compare|distinguish|tell apart) (a gateway and an orchestrator|gateway and orchestrator|gateways and orchestrators|an orchestrator and a gateway|orchestrators and gateways)", "(gateway|a gateway|orchestrator|an orchestrator|gateways) (and|or|versus|against|compared with|compared to) (orchestrator|an orchestrator|gateway|a gateway|orchestrators)(-|, what differs|, what distinguishes them|, which is which|, are they the same)"),
    "roles": ("(which|what|how many) (nodes|roles|kinds of nodes|types of nodes|parts|programs|components|kinds of programs|sorts of nodes) (are there|exist|does it have|does the network have|does rivulet consist of|make up the network|are in the network|do you know|is the network made of|form the network)", f"{COULD} {LIST} (all|the|all the|the different|the four) (nodes|roles|kinds of nodes|types of nodes|parts of the network|components|parts of rivulet|node types)", "(what|which) are (all|-) the (nodes|roles|kinds of nodes|parts|components|parts of the network|pieces of the network|parts of rivulet|members of the network)", "(who|what) (is|takes part) in (the|this) network"),
    "who": ("(who|what) (are|might|could|would) you (-|be|really|actually|exactly|then|anyway)", f"{COULD} (tell me|say) (who you are|what you are|your name|who i am talking to|what your name is|something about yourself|about yourself|what kind of thing you are|what model you are)", "(are|is) (you|this) (a human|a machine|a person|a robot|a model|an ai|a language model|a chatbot|a program|chatgpt|intelligent|alive|a big model|a small model|a real person|a computer program|some sort of machine|a man|a woman)", "(what|which) (is|kind of|sort of|language) (your name|model are you|ai are you|thing are you|machine are you|model is this|program are you)", "(who|which people|which company) (made|built|trained|created|wrote|programmed|designed|invented) you", "how (big|large|small|clever|smart|old|strong|good|many parameters) (are you|is this model|do you have)"),
    "can": ("(what|which things|which questions|what things|what questions|which topics|what topics) (can|could|may|might|do|should) (you|i|we|one) (do|answer|ask|ask you|ask here|know|help with|help me with|do for me|tell me|tell|explain|talk about|speak about|know about|understand)", "(how|with what|where) (can|could|may|might|will|would) you (help|help me|assist|assist me|be of use|serve me|be useful|be helpful|support me)", "(what|which) (are|is) (your|the) (skills|abilities|topics|talents|strengths|knowledge|use|job|purpose) (-|of you|here)", "i (need|want|would like|could use|am looking for) (help|some help|your help|a hand|advice|assistance)", "(what|which) (sorts|kinds|types) of (things|topics|tasks|help|problems) (do|can|could) you (know|do|solve|handle|offer|answer|give)", "i do not know (what to say|what you can do|what you know|how to begin with you|what to do with you)", "(may|can|could|might) i (ask|ask you) (something|a question|anything|some questions|you something|for help)"),
    "hello": ("(hello|hi|hey|good morning|good evening|good afternoon|good day|greetings|howdy|hallo|morning|hiya)( -|,|!|,) (-|you|there|dear|model|rivulet|friend|my friend|everybody|all|little model|again|machine|good morning|hello|hi|and good morning|and welcome|nice to meet you|good day|to you|to you too|my dear|old friend|how nice to see you)", "(nice|good|great|lovely|a pleasure) to (meet|see) you(-| again| here| at last)", "(i say|let me say|just|i wanted to say|we say) (hello|hi|good morning|good evening|hello to you|hi there)"),
    "thanks": ("(ok|okay|oh|ah|great|good|well|fine|nice|cool|perfect|wonderful|super|very good|alright|wow|-|-|-), (thanks|thank you|many thanks|thanks a lot|thank you very much|thank you so much|i thank you|thanks so much|a big thank you|thank you a lot)(-|, that was helpful|, that was good|, you helped me|, now i know|, that is nice of you|, that is kind|, that is all|, very helpful|, i understand now| for this| for the help| for everything| for your time| for explaining| for telling me| indeed| again)", "(that|this|it) (was|is) (very|really|quite|so|-) (helpful|kind of you|nice of you|useful), (thanks|thank you|many thanks)", "i (am|feel|was) (grateful|thankful|very grateful|glad of your help|much obliged)"),
    "bye": ("(ok|okay|well|good|fine|alright|so|and|now|thanks|-|-|-), (bye|goodbye|bye bye|see you|see you later|see you soon|good night|farewell|good bye|so long|see you tomorrow|until later|see you around|bye then|bye for now)(-| then| now|, my friend|, friend|, model| and take care|, take care|, until tomorrow|, have a nice day| and thanks|, dear|, little model|, everybody)", "(i|we) (must|have to|need to|should|will|want to|am going to) (go|leave|sleep|stop|go now|leave now|go to bed|go home|stop here|say goodbye)", "(have|enjoy) a (nice|good|great|lovely) (day|evening|time|night|weekend)"),
    "how": ("(hello|hi|hey|and|so|well|tell me|good morning|-|-), how (are you|are you doing|is it going|do you feel|do you do|have you been|are things|are you today|are you doing today|are you feeling|goes it|is everything|is your day|was your day)(-| today| now| then| this morning| these days|, my friend)", "(are|do) you (well|fine|ok|okay|happy|good|alright|in good health|feel well|feel good|feel fine)(-| today| now)"),
    "ok": ("(ok|okay|ah|oh|well|yes|good|fine|so|-|-), (i see|i understand|that is good|that makes sense|understood|got it|interesting|that is interesting|very interesting|very good|good to know|nice|cool|great|wonderful|that is right|that is correct|that is nice|i like it|i like that|good answer|well said|well done|now i understand|sure|i get it|excellent)(-| now| then|!)",),
    "starter": ("(which|what|how many) (models|starter models|tiny models) (come with rivulet|are included|are there at the start|does rivulet bring|does it come with|are built in|do i get)", "(do|must|should) (i|we) (download|fetch|get) (models|a model|any models|weights|large models) (-|first|before i start|to try it)", "why (are|is) (the models|the starter models|these models|a starter model|your models) (so small|tiny|so tiny|this small|small)"),
    "application": ("(who|what|which programs) (asks|ask|calls|uses|use|sends jobs to|send jobs to|talks to|talk to) (a gateway|the gateway|gateways)",),
}
